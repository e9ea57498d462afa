"""PostgreSQL's configuration parameters: keddah's defaults, then the user's, then what keddah must own."""

from __future__ import annotations

from collections.abc import Mapping

from controller.desired.repository import enabled
from controller.protocol.settings import ARCHIVE_COMMAND
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.amounts import amount
from schemas.postgresql import extensions
from schemas.rules import derived as rules
from schemas.rules import sizing
from schemas.rules.extensions import asked
from schemas.rules.settings import ParameterSettings

TLS_DIRECTORY = "/etc/keddah/tls"

_LOG_LINE_PREFIX = "%m [%p] %q%u@%d %h "


def parameters(
    db: PostgreSQLDatabase,
    members: int = 1,
    volume: int | None = None,
    *,
    archiving: bool = False,
    starts: Mapping[str, str] | None = None,
    issued: bool = False,
) -> dict[str, str]:
    """Return all parameters that are not PostgreSQL's or Patroni's own defaults, sorted by name.

    Names are in lower case, as PostgreSQL compares them: so no user's spelling can override OWNED. `members`:
    how many instances have a volume, or will. `volume`: bytes of the smallest volume, None as long as none
    exists; then it is what the spec asks for. `archiving`: whether the pods can archive WAL. `starts`: what
    the pods' template says of parameters that only a start can change. `issued`: whether the pods have the
    files of an issuer's certificate.
    """
    wishes = {name.lower(): value for name, value in db.spec.parameters.items()}
    logical = _FAILOVER_SLOTS if wishes.get("wal_level") == "logical" else {}
    archive = ARCHIVING if archiving else {} if enabled(db) else NO_ARCHIVE
    merged = (
        sizing.replication(members)
        | derived(db, volume, starts)
        | _DEFAULTS
        | logical
        | wishes
        | extensions.parameters(asked(db.spec), wishes)
        | OWNED
        | (_IN_JSON if db.spec.logging == "JSON" else {})
        | (ISSUED if issued else {})
        | archive
    )
    return dict(sorted(merged.items()))


def derived(
    db: PostgreSQLDatabase, volume: int | None = None, starts: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the parameters that follow from the pods' resources and volumes, less the user's own."""
    size = amount(db.spec.storage.size or None) if volume is None else volume
    room = rules.room(db.spec.resources, size)
    return rules.derived(ParameterSettings(db.spec.parameters, _major(db)), room, starts)


def starting(db: PostgreSQLDatabase) -> dict[str, str]:
    """Return those of them that only a start can change, whatever the user says of them."""
    return rules.starting(rules.room(db.spec.resources, None), _major(db))


def _major(db: PostgreSQLDatabase) -> int:
    return int(str(db.spec.version).partition(".")[0])


_DEFAULTS = {
    "log_checkpoints": "on",
    "log_line_prefix": _LOG_LINE_PREFIX,
    "log_lock_waits": "on",
    "log_temp_files": "10MB",
    # By default PostgreSQL fsyncs every file of its data directory after a crash, which takes seconds. One
    # syncfs of the volume, which nobody shares, is enough (it reports errors since Linux 5.8).
    "recovery_init_sync_method": "syncfs",
    # The first change of a page after a checkpoint writes all of it: compressed, the WAL that is sent to
    # standbys and archived is a fraction (docs/figures.md), for hardly any time of a processor.
    "wal_compression": "lz4",
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
    # The image's own win over it, where it has what reads the files (images/patroni/collecting.py).
    "logging_collector": "off",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "ssl_ca_file": f"{TLS_DIRECTORY}/ca.crt",
    "ssl_cert_file": f"{TLS_DIRECTORY}/tls.crt",
    "ssl_key_file": f"{TLS_DIRECTORY}/tls.key",
}
"""What keddah cannot leave to the user: admission refuses these names, and they win if it was not there.
Where the socket is, Patroni's file says, which wins over all of these."""


# PostgreSQL writes the abbreviation of a time zone, which may be that of several.
_IN_JSON = {"log_destination": "jsonlog", "log_timezone": "UTC"}
"""An image that has no collector, as those before it, goes on as by OWNED (elog.c, fallback_to_stderr)."""


ISSUED = {
    "ssl_cert_file": f"{TLS_DIRECTORY}/server.crt",
    "ssl_key_file": f"{TLS_DIRECTORY}/server.key",
}
"""Where clients are shown an issuer's certificate. Theirs are verified by the database's own CA still."""


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
