"""What the two processes have in common: how settings are read, and how log lines are written.

An environment is passed in; only `__main__` of each process takes the real one.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.kubernetes import duration

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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

    def log_level(self) -> int:
        """Read from which level on log lines are written."""
        return _LEVELS[self.choice("KEDDAH_LOG_LEVEL", "info", _LEVELS)]


def log_to_stderr(level: int) -> None:
    """Send every log line from `level` up to standard error, with its time in UTC."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
