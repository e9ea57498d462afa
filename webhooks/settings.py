"""Settings from environment variables, read once; all mistakes are reported together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.processes import Address, Environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONGEST_SECONDS = 600.0


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


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError with every mistake at once."""
    environment = Environment(variables)
    settings = Settings(
        policy_file=environment.path("KEDDAH_POLICY_FILE", "/etc/keddah/policy/policy.yaml"),
        tls_dir=environment.path("KEDDAH_TLS_DIR", "/etc/keddah/tls"),
        listen=environment.address("KEDDAH_LISTEN", ":8443"),
        metrics_listen=environment.address("KEDDAH_METRICS_LISTEN", ":8080"),
        log_level=environment.log_level(),
        deadline=environment.seconds("KEDDAH_DEADLINE_SECONDS", 10, LONGEST_SECONDS),
        drain=environment.seconds("KEDDAH_DRAIN_SECONDS", 5, LONGEST_SECONDS),
    )
    environment.check()
    return settings
