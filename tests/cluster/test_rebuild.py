"""Standbys that cannot follow any more: whatever became of their data, they stream again without help."""

from __future__ import annotations

import pytest

from tests.clusters import POLL
from tests.databases import Database, moment
from tests.readiness import serves
from tests.waiting import until

DATA = "/var/lib/postgresql/18/data"
RECEIVER = "SELECT pid FROM pg_stat_wal_receiver"
SEGMENTS = 12
"""More than Patroni has a primary keep for nobody (wal_keep_size, 128 MB)."""
TERMINATE = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots"
REWOUND = "pg_rewind exit code=0"
COUNT = "SELECT count(*) FROM kept"


def test_a_standby_whose_wal_was_removed_is_copied_anew(trio: Database) -> None:
    primary, standby = trio.primary(), trio.standbys()[-1]
    slot = standby.replace("-", "_")
    receiver = trio.superuser(standby, RECEIVER)
    strike(trio, standby, f"kill -STOP {receiver}")
    # The slot keeps its WAL until it is dropped; the one that Patroni makes instead begins at the newest.
    trio.superuser(primary, f"{TERMINATE} WHERE slot_name = '{slot}'")
    for _ in range(SEGMENTS):
        trio.superuser(primary, "SELECT pg_logical_emit_message(true, 'keddah', 'x'), pg_switch_wal()")
    trio.superuser(primary, "CHECKPOINT")
    trio.superuser(primary, f"SELECT pg_drop_replication_slot('{slot}')")
    trio.superuser(primary, "CHECKPOINT")
    strike(trio, standby, f"kill -KILL {receiver}")
    trio.until_condition("Reconciling", "StandbyCannotFollow", 60)
    follows_again(trio, standby, 150)
    trio.until_told(f"RebuildingStandby: clone {standby} again from the primary: it needs WAL")


@pytest.mark.minutes(2)
def test_standbys_with_damaged_data_are_copied_anew_one_at_a_time(trio: Database) -> None:
    damaged, begun = trio.standbys(), moment()
    for standby, file in zip(damaged, ("pg_wal", "global/pg_control"), strict=True):
        strike(trio, standby, f"pid=$(head -1 {DATA}/postmaster.pid); rm -rf {DATA}/{file}; kill -KILL $pid")

    def copied() -> list[str]:
        # A member that is too busy to answer clones all the same.
        begins = ("RebuildingStandby: clone", "PatroniDeclined: clone")
        told = [event.split() for event in trio.events(begun) if event.startswith(begins)]
        return list(dict.fromkeys(words[2] for words in told))

    until(lambda: len(copied()) == 1, 120, trio.story, POLL)
    until(lambda: len(copied()) == len(damaged), 90, trio.story, POLL)
    first, second = copied()
    assert {first, second} == set(damaged)
    assert serves(trio.child("Pod", first)), "the second was begun before the first was back"
    for standby in damaged:
        follows_again(trio, standby, 60)


def test_a_standby_whose_volume_was_emptied_copies_the_primary(trio: Database) -> None:
    standby = trio.standbys()[-1]
    identity = inode(trio, standby)
    strike(trio, standby, f"rm -rf {DATA}/..?* {DATA}/.[!.]* {DATA}/*")
    until(lambda: inode(trio, standby) not in ("", identity), 60, trio.story, POLL)
    follows_again(trio, standby, 60)


def test_a_standby_that_went_its_own_way_is_rewound(trio: Database) -> None:
    standby = trio.standbys()[-1]
    copy = trio.execute(standby, "stat", "-c", "%i", f"{DATA}/PG_VERSION").out
    earlier = rewound(trio, standby)
    own = ("-c", "SELECT pg_promote()", "-c", "INSERT INTO kept VALUES (-1)")
    done = trio.execute(standby, "psql", "-X", "-d", "app", *own)
    ended = ("terminating connection", "server closed the connection", "read-only transaction")
    assert done.code == 0 or any(words in done.err for words in ended), done.err
    until(lambda: rewound(trio, standby) > earlier, 60, trio.story, POLL)
    follows_again(trio, standby, 90)
    # The one file that pg_rewind never writes (filemap.c), and every copy does.
    assert trio.execute(standby, "stat", "-c", "%i", f"{DATA}/PG_VERSION").out == copy


def strike(trio: Database, pod: str, command: str) -> None:
    """Run a command of a shell in an instance; what it does may end the shell."""
    trio.execute(pod, "sh", "-c", command)


def rewound(trio: Database, pod: str) -> int:
    """Count the rewinds of an instance; other tests leave some."""
    return trio.cluster.good("--namespace", trio.namespace, "logs", pod).count(REWOUND)


def inode(trio: Database, pod: str) -> str:
    """Tell one copy of the data from the next: a copy makes every file anew."""
    return trio.execute(pod, "stat", "-c", "%i-%Y", f"{DATA}/global/pg_control").out.strip()


def follows_again(trio: Database, standby: str, seconds: float) -> None:
    """Wait until a standby streams, and has what the primary has and nothing else."""

    def streams() -> bool:
        asked = trio.execute(standby, "psql", "-XAtd", "app", "-c", "SELECT status FROM pg_stat_wal_receiver")
        return asked.out.strip() == "streaming"

    until(streams, seconds, trio.story, POLL)
    trio.settled()
    same = trio.execute(standby, "psql", "-XAtd", "app", "-c", COUNT).out.strip()
    assert same == trio.execute(trio.primary(), "psql", "-XAtd", "app", "-c", COUNT).out.strip()
