"""Settings from environment variables, read once; all mistakes are reported together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGHEST_PORT = 65535
LONGEST_SECONDS = 600.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration of the admission server; times in seconds."""

    policy_file: Path
    tls_dir: Path
    listen: Address
    metrics_listen: Address
    log_level: int
    deadline: float
    """How long one request may take to arrive."""
    drain: float
    """How long calls are still accepted after SIGTERM, while endpoints are withdrawn; then, how long a
    client with an idle connection is waited for before it is closed."""


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError with every mistake at once."""
    mistakes: list[str] = []
    settings = Settings(
        policy_file=Path(environment.get("KEDDAH_POLICY_FILE", "/etc/keddah/policy/policy.yaml")),
        tls_dir=Path(environment.get("KEDDAH_TLS_DIR", "/etc/keddah/tls")),
        listen=_address(environment, "KEDDAH_LISTEN", ":8443", mistakes),
        metrics_listen=_address(environment, "KEDDAH_METRICS_LISTEN", ":8080", mistakes),
        log_level=_level(environment, mistakes),
        deadline=_seconds(environment, "KEDDAH_DEADLINE_SECONDS", "10", mistakes),
        drain=_seconds(environment, "KEDDAH_DRAIN_SECONDS", "5", mistakes),
    )
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _address(environment: Mapping[str, str], name: str, default: str, mistakes: list[str]) -> Address:
    text = environment.get(name, default)
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        mistakes.append(f"{name}: got {text!r}; HOST:PORT or :PORT, such as :8443 or [::1]:8443")
        return Address("", 0)
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _level(environment: Mapping[str, str], mistakes: list[str]) -> int:
    text = environment.get("KEDDAH_LOG_LEVEL", "info")
    levels = {
        "debug": logging.DEBUG,
        "info": logging.INFO,
        "warning": logging.WARNING,
        "error": logging.ERROR,
    }
    if text.lower() not in levels:
        mistakes.append(f"KEDDAH_LOG_LEVEL: got {text!r}; one of {', '.join(levels)}")
    return levels.get(text.lower(), logging.INFO)


def _seconds(environment: Mapping[str, str], name: str, default: str, mistakes: list[str]) -> float:
    text = environment.get(name, default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_SECONDS:
        mistakes.append(f"{name}: got {text!r}; a number of seconds from 0 to {LONGEST_SECONDS:g}")
    return seconds
