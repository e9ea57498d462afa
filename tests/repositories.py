"""The repository of a database on a real cluster: what is in it, and whether anything is missing."""

from __future__ import annotations

import re

from deploy.images.backup.verification import gap
from tests.clusters import POLL
from tests.databases import Database
from tests.waiting import until

SEGMENT = 16 << 20
FRESH_SECONDS = 65
REPOSITORY = "/var/lib/keddah-repository"
LIST = f"find {REPOSITORY}/archive -name '*.zst' -o -name '*.history'"
FILE = re.compile(r"/([0-9A-F]{24})-[0-9a-f]{40}")
PARTIAL = re.compile(r"/([0-9A-F]{24})\.partial-[0-9a-f]{40}")


def in_repository(database: Database, *command: str) -> str:
    """Run a command beside the repository, and give what it printed; "" if it failed."""
    where = ("--namespace", database.namespace, "exec", f"{database.name}-repository-0", "--")
    done = database.cluster(*where, *command, seconds=30)
    return done.out if done.code == 0 else ""


def segments(database: Database) -> list[str]:
    """Give the names of all archived WAL segments, in the order of their timelines and places."""
    return sorted(set(FILE.findall(in_repository(database, "sh", "-c", LIST))))


def until_archived(database: Database, segment: str, seconds: float = FRESH_SECONDS) -> None:
    """Wait until a segment is in the repository."""
    until(lambda: segment in segments(database), seconds, lambda: _story(database, segment), 5 * POLL)


def _story(database: Database, segment: str) -> str:
    logs = database.cluster("--namespace", database.namespace, "logs", f"{database.name}-repository-0").out
    return f"{segment} is not among {segments(database)}\n{logs[-2000:]}\n{database.story()}"


def switched(database: Database) -> str:
    """Have all WAL that was written ready for the archive, and give the name of its last segment."""
    primary = database.primary()
    # A segment without a record is not switched.
    database.superuser(primary, "SELECT pg_logical_emit_message(true, 'test', '')")
    segment = database.superuser(primary, "SELECT pg_walfile_name(pg_current_wal_lsn() - 1)")
    database.superuser(primary, "SELECT pg_switch_wal()")
    return segment


def whole(database: Database) -> None:
    """Check that no segment is missing between the first and the newest one."""
    names = segments(database)
    assert gap([(name, name) for name in names], names[0], SEGMENT) == "", names
