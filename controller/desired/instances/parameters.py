"""PostgreSQL's configuration parameters: keddah's defaults, then the user's, then what keddah must own."""

from __future__ import annotations

from controller.desired.repository import enabled
from controller.protocol.settings import ARCHIVE_COMMAND
from schemas.api.types import PostgreSQLDatabase, ResourceRequirements
from schemas.kubernetes.amounts import amount
from schemas.rules import sizing

TLS_DIRECTORY = "/etc/keddah/tls"

_LOG_LINE_PREFIX = "%m [%p] %q%u@%d %h "


def parameters(
    db: PostgreSQLDatabase, members: int = 1, volume: int | None = None, *, archiving: bool = False
) -> dict[str, str]:
    """Return all parameters that are not PostgreSQL's or Patroni's own defaults, sorted by name.

    Names are in lower case, as PostgreSQL compares them: so no user's spelling can override OWNED. `members`:
    how many instances have a volume, or will. `volume`: bytes of the smallest volume, None as long as none
    exists; then it is what the spec asks for. `archiving`: whether the pods can archive WAL.
    """
    wishes = {name.lower(): value for name, value in db.spec.parameters.items()}
    size = amount(db.spec.storage.size or None) if volume is None else volume
    derived = _sized(db.spec.resources) | (sizing.wal_sizes(int(size / sizing.MEBIBYTE)) if size else {})
    logical = _FAILOVER_SLOTS if wishes.get("wal_level") == "logical" else {}
    archive = ARCHIVING if archiving else {} if enabled(db) else NO_ARCHIVE
    merged = sizing.replication(members) | derived | _DEFAULTS | logical | wishes | OWNED | archive
    return dict(sorted(merged.items()))


_DEFAULTS = {
    "log_checkpoints": "on",
    "log_line_prefix": _LOG_LINE_PREFIX,
    "log_lock_waits": "on",
    "log_temp_files": "10MB",
    # By default PostgreSQL fsyncs every file of its data directory after a crash, which takes seconds. One
    # syncfs of the volume, which nobody shares, is enough (it reports errors since Linux 5.8).
    "recovery_init_sync_method": "syncfs",
    # The time until a standby retries, after a primary that is in crash recovery or not promoted yet has
    # refused it (PostgreSQL's default: 5s). With quorum commit, every commit waits for that too.
    "wal_retrieve_retry_interval": "500ms",
    # With two instances, every commit waits for a standby that is cut off or frozen until the primary closes
    # its connection (PostgreSQL's default: 60s) and Patroni removes it from the synchronous standbys, up to
    # 5 s later. A busy standby gets a keepalive after half of this time, and answers it unless its volume
    # hangs for seconds; then it reconnects. A smaller value would disconnect logical subscribers and base
    # backups to slow disks, to which it applies too (each connection may set its own). `tcp_user_timeout`
    # would disconnect slow clients.
    "wal_sender_timeout": "10s",
    # After a network outage a standby reconnects, instead of waiting up to a minute for TCP's next retry.
    "wal_receiver_timeout": "10s",
}

_FAILOVER_SLOTS = {"sync_replication_slots": "on", "hot_standby_feedback": "on"}
"""What a logical slot with `failover` needs to be there after a switchover (PostgreSQL 17, Logical Decoding).
Not `synchronized_standby_slots`: with it no consumer gets anything while one of the standbys is away."""

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


ARCHIVING = {
    "archive_mode": "on",
    "archive_command": ARCHIVE_COMMAND,
    # The most that is lost with all volumes, and how far behind the newest second is that can be restored.
    "archive_timeout": "60s",
}
"""No `restore_command`: PostgreSQL runs it in each promotion, and before each connection to a new primary, so
that a failover would wait for the repository, and fail without it (126 ends the server)."""


NO_ARCHIVE = {"archive_command": "/bin/true"}
"""Without a schedule: until a server that archived is restarted, it would keep all its WAL for an archive."""


def _sized(resources: ResourceRequirements | object) -> dict[str, str]:
    """Return the parameters that are derived from the container's memory; none if it is unknown."""
    memory = sizing.container_memory(resources)
    if memory is None:
        return {}
    return {
        "shared_buffers": f"{sizing.shared_buffers(memory)}MB",
        "effective_cache_size": f"{sizing.effective_cache_size(memory)}MB",
    }
