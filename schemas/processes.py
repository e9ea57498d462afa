"""What the two processes have in common: how settings are read, and how log lines are written.

An environment is passed in; only `__main__` of each process takes the real one.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.formatter import Formatter
from schemas.kubernetes import duration
from schemas.records import FORMATS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import TracebackType

    from schemas.records import Logging

HIGHEST_PORT: Final = 65535

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# A DNS subdomain, as the name of a namespace or of the cluster's domain (RFC 1123).
_DOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class SettingsError(Exception):
    """The environment is wrong; `mistakes` names every mistake, one a line of the text."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


class Address(NamedTuple):
    """Where to listen. An empty host is every address, of IPv4 and IPv6; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Log(NamedTuple):
    """Which log lines are written, and how."""

    level: int = logging.INFO
    written: Logging = "JSON"


DEFAULT_LOG: Final = Log()


class Environment:
    """Reads settings one by one, each with its default, and collects every mistake on the way."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.mistakes: list[str] = []

    def check(self) -> None:
        """Raise SettingsError if anything that was read is wrong."""
        if self.mistakes:
            raise SettingsError(self.mistakes)

    def path(self, name: str, default: str) -> Path:
        """Read the path of a file or folder."""
        return Path(self._variables.get(name, default))

    def optional_path(self, name: str) -> Path | None:
        """Read the path of a file that need not be there; empty is as unset."""
        text = self._variables.get(name, "")
        return Path(text) if text else None

    def names(self, name: str) -> frozenset[str]:
        """Read words with commas between them, none if unset or empty."""
        text = self._variables.get(name, "")
        words = [word.strip() for word in text.split(",")] if text else []
        if not all(words):
            self.mistakes.append(f"{name}: got {text!r}; names with a comma between each two")
        return frozenset(words)

    def address(self, name: str, default: str) -> Address:
        """Read an address to listen on."""
        text = self._variables.get(name, default)
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
            self.mistakes.append(
                f"{name}: got {text!r}; HOST:PORT or :PORT, such as {default} or [::1]{default}"
            )
            return Address("", 0)
        return Address(host.removeprefix("[").removesuffix("]"), int(port))

    def domain(self, name: str, default: str) -> str:
        """Read a name that Kubernetes takes for a namespace or a domain."""
        text = self._variables.get(name, default)
        if not _DOMAIN.fullmatch(text):
            self.mistakes.append(f"{name}: got {text!r}; lower-case letters, digits, '-' and '.'")
        return text

    def domains(self, name: str) -> tuple[str, ...]:
        """Read names as `domain` does, with commas between them; nothing by default."""
        listed = [part.strip() for part in self._variables.get(name, "").split(",")]
        found = sorted({part for part in listed if part})
        wrong = [part for part in found if not _DOMAIN.fullmatch(part)]
        if wrong:
            self.mistakes.append(
                f"{name}: got {', '.join(map(repr, wrong))}; lower-case letters, digits and '-'"
            )
        return () if wrong else tuple(found)

    def count(self, name: str, default: int, most: int) -> int:
        """Read a whole number from 1."""
        text = self._variables.get(name, str(default))
        number = int(text) if text.isascii() and text.isdigit() else 0
        if not 1 <= number <= most:
            self.mistakes.append(f"{name}: got {text!r}; a number from 1 to {most}")
        return number

    def seconds(self, name: str, default: float, longest: float) -> float:
        """Read a time in seconds from 0."""
        text = self._variables.get(name, str(default))
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= longest:
            self.mistakes.append(f"{name}: got {text!r}; a number of seconds from 0 to {longest:g}")
        return seconds

    def duration(self, name: str, default: timedelta) -> timedelta:
        """Read a time of at least a second, as Go writes it."""
        text = self._variables.get(name)
        if text is None:
            return default
        try:
            found = timedelta(microseconds=duration.parse(text) / 1000)
        except duration.DurationError as error:
            self.mistakes.append(f"{name}: got {text!r}; {error}")
            return default
        if found < timedelta(seconds=1):
            self.mistakes.append(f"{name}: got {text!r}; at least a second, such as 8760h")
        return found

    def choice(self, name: str, default: str, options: Collection[str]) -> str:
        """Read one of some words, whatever their case."""
        text = self._variables.get(name, default)
        if text.lower() in options:
            return text.lower()
        self.mistakes.append(f"{name}: got {text!r}; one of {', '.join(options)}")
        return default

    def log(self) -> Log:
        """Read which log lines are written, and how."""
        level = _LEVELS[self.choice("KEDDAH_LOG_LEVEL", "info", _LEVELS)]
        chosen = self.choice("KEDDAH_LOG_FORMAT", FORMATS[0], [each.lower() for each in FORMATS])
        return Log(level, "Text" if chosen == "text" else "JSON")


def log_to_stderr(log: Log = DEFAULT_LOG) -> None:
    """Send every log line to standard error, what ends the process and Python's warnings too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(log.written))
    logging.basicConfig(level=log.level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end


def _log_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("keddah").critical("Ended error=%s", kind.__name__, exc_info=(kind, error, trace))
