"""Settings from environment variables, read once; all mistakes are reported together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.processes import Address, Environment, Log

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
    client_ca: Path | None
    """The authorities of the certificates that clients must show; None asks for none."""
    client_names: frozenset[str]
    """Of which one must be a client's common name or DNS name; empty for any of its authorities' clients."""
    log: Log
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
        client_ca=environment.optional_path("KEDDAH_CLIENT_CA_FILE"),
        client_names=environment.names("KEDDAH_CLIENT_NAMES"),
        log=environment.log(),
        deadline=environment.seconds("KEDDAH_DEADLINE_SECONDS", 10, LONGEST_SECONDS),
        drain=environment.seconds("KEDDAH_DRAIN_SECONDS", 5, LONGEST_SECONDS),
    )
    if settings.client_names and settings.client_ca is None:
        environment.mistakes.append(
            "KEDDAH_CLIENT_NAMES: without KEDDAH_CLIENT_CA_FILE no client shows a certificate with a name"
        )
    environment.check()
    return settings
