"""PostgreSQL's configuration parameters: keddah's defaults, then the user's, then what keddah must own."""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET

from schemas.quantity import parse
from schemas.types import PostgreSQLDatabase, ResourceRequirements

TLS_DIRECTORY = "/etc/keddah/tls"

_MEBIBYTE = 1024 * 1024
_LEAST_SHARED_BUFFERS = 32
_LOG_LINE_PREFIX = "%m [%p] %q%u@%d %h "


def parameters(db: PostgreSQLDatabase) -> dict[str, str]:
    """Return all parameters that are not PostgreSQL's or Patroni's own defaults, sorted by name.

    Names are in lower case, as PostgreSQL compares them: no spelling of the user's evades what is owned.
    """
    wishes = {name.lower(): value for name, value in db.spec.parameters.items()}
    merged = _sized(db.spec.resources) | _DEFAULTS | wishes | OWNED
    return dict(sorted(merged.items()))


_DEFAULTS = {
    # Every standby of nine may clone at once, and each clone takes two senders.
    "max_wal_senders": "24",
    "max_replication_slots": "24",
    "log_checkpoints": "on",
    "log_line_prefix": _LOG_LINE_PREFIX,
    "log_lock_waits": "on",
    "log_temp_files": "10MB",
}

OWNED = {
    "log_destination": "stderr",
    "logging_collector": "off",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "ssl_ca_file": f"{TLS_DIRECTORY}/ca.crt",
    "ssl_cert_file": f"{TLS_DIRECTORY}/tls.crt",
    "ssl_key_file": f"{TLS_DIRECTORY}/tls.key",
}
"""What keddah cannot leave to the user: admission refuses these names, and they win if it was not there.
Where the socket is, Patroni's file says, which wins over all of these."""


def _sized(resources: ResourceRequirements | object) -> dict[str, str]:
    """Return what follows from the container's memory: its limit, else its request, else nothing.

    A quarter for shared_buffers and three quarters as the planner's guess of all caches are the usual
    starting points (PostgreSQL documentation, Resource Consumption; Query Planning).
    """
    memory = _memory(resources)
    if memory is None:
        return {}
    mebibytes = int(memory / _MEBIBYTE)
    return {
        "shared_buffers": f"{max(_LEAST_SHARED_BUFFERS, mebibytes // 4)}MB",
        "effective_cache_size": f"{max(2 * _LEAST_SHARED_BUFFERS, mebibytes * 3 // 4)}MB",
    }


def _memory(resources: ResourceRequirements | object) -> Decimal | None:
    """Return the memory in bytes that the container can count on."""
    if not isinstance(resources, ResourceRequirements):
        return None
    for amounts in (resources.limits, resources.requests):
        if amounts is not UNSET and isinstance(amounts, dict) and "memory" in amounts:
            return parse(amounts["memory"])
    return None
