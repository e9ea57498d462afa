"""PostgreSQL's configuration parameters: keddah's defaults, then the user's, then what keddah must own."""

from __future__ import annotations

from schemas import sizing
from schemas.types import PostgreSQLDatabase, ResourceRequirements

TLS_DIRECTORY = "/etc/keddah/tls"

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
    # After a crash PostgreSQL first makes sure of every file in its folder, one by one: seconds, where one
    # flush of the volume, which nobody shares, is enough (its errors are reported since Linux 5.8).
    "recovery_init_sync_method": "syncfs",
    # A standby that was refused once, by a primary that recovers from a crash or is not one yet, waits so
    # long before it asks again (PostgreSQL's own default: 5s); with quorum commit, every commit waits too.
    "wal_retrieve_retry_interval": "500ms",
    # With two instances every commit waits for a standby that is cut off or frozen, until the primary closes
    # its connection (PostgreSQL's own default: 60s) and Patroni, up to 5 s later, counts on it no more. A
    # busy one is asked after half of the time, and answers unless its volume stands still for seconds; it
    # then connects anew. Less would fall upon logical subscribers and copies to slow disks, whom this is for
    # as well (each connection may set its own). `tcp_user_timeout` would end clients that are slow to read.
    "wal_sender_timeout": "10s",
    # After a network was away a standby asks anew, and does not wait for TCP's next attempt, a minute away.
    "wal_receiver_timeout": "10s",
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
    """Return what follows from the container's memory, nothing where that is not known."""
    memory = sizing.container_memory(resources)
    if memory is None:
        return {}
    return {
        "shared_buffers": f"{sizing.shared_buffers(memory)}MB",
        "effective_cache_size": f"{sizing.effective_cache_size(memory)}MB",
    }
