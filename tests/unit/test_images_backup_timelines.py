"""The ways through an archive's timelines; that PostgreSQL follows them is shown in the API server tier."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.images.backup.restoring import Choice
from deploy.images.backup.timelines import (
    PRESENT,
    Backup,
    Line,
    at,
    beginnings,
    history,
    in_force,
    location,
    restorable_from,
)
from deploy.images.backup.wal import committed, segment

PROMOTED = "no recovery target specified"
BEFORE = "before 2026-11-29 20:58:00.1+00"


def ways(*forks: tuple[int, int, str], began: dict[int, int] | None = None) -> tuple[Line, ...]:
    """Give the ways of timelines 2, 3 …, each with its parent, where that was left, and why.

    Timeline 2 begins at the second 200, 3 at 300 …
    """
    found = {1: history("")}
    for number, (parent, where, why) in enumerate(forks, 2):
        line = f"{parent}\t0/{where:X}\t{why}\n"
        found[number] = (*found[parent], *history(line))
    times = {number: 100 * number for number in found if number > 1} if began is None else began
    return in_force({number: float(second) for number, second in times.items()}, found)


def backup(timeline: int, stop: int) -> Backup:
    held: dict[str, Any] = {"lsn": {"stop": f"0/{stop:X}"}, "archive": {"stop": f"{timeline:08X}{0:016X}"}}
    return held


def test_a_history_file_is_read_as_postgresql_writes_it() -> None:
    text = f"1\t0/50209D8\t{BEFORE}\n\n# a comment\n2\tA/1\t{PROMOTED}\n"
    assert [(each.timeline, each.location) for each in history(text)] == [(1, 0x50209D8), (2, 0xA_0000_0001)]
    assert history("") == history("nonsense") == ()
    assert location("1/0") == 1 << 32


def test_a_failover_leaves_nothing_behind() -> None:
    (only,) = ways((1, 50, PROMOTED), (2, 90, PROMOTED))
    assert (only.timeline, only.until) == (3, math.inf)
    assert [only.has(backup(*each)) for each in ((1, 50), (1, 51), (2, 90), (2, 91), (3, 999))] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_what_a_restore_undid_was_in_force_until_it_began() -> None:
    left, now = ways((1, 50, BEFORE))
    assert (left.timeline, left.until, now.timeline, now.since) == (1, 200, 2, 200)
    assert left.has(backup(1, 99))
    assert not now.has(backup(1, 99))
    assert [at((left, now), moment).timeline for moment in (199.0, 200.0, None)] == [1, 2, 2]


def test_history_files_that_were_stored_anew_do_not_move_what_they_tell() -> None:
    """A promotion at 900 has stored all of them again."""

    def made(timeline: int, second: int) -> Backup:
        return {"archive": {"start": f"{timeline:08X}{0:016X}"}, "timestamp": {"start": second}}

    began = beginnings(
        {2: 900.0, 3: 900.0, 4: 900.0}, [made(1, 50), made(2, 210), made(3, 310), made(3, 400)]
    )
    assert began == {2: 210, 3: 310, 4: 900}
    # Of what is left of the archive, all is of the newest.
    assert beginnings({2: 900.0}, [made(3, 310)]) == {2: 310}
    assert beginnings({2: 200.0}, [made(2, 210)]) == {2: 200}
    assert beginnings({2: 900.0}, []) == {2: 900}


def test_a_restore_names_its_timeline_wherever_there_is_more_than_one() -> None:
    left, now = ways((1, 50, BEFORE))
    held = {"label": "20261201-000000F"}
    assert Choice(held, left, now).options()[1:] == ["--target-timeline=1"]
    assert Choice(held, now, None).options()[1:] == ["--target-timeline=2"]
    assert Choice(held, PRESENT, None).options() == ["--set=20261201-000000F"]


def test_former_data_that_comes_back_leaves_what_was_restored() -> None:
    first, second, now = ways((1, 50, BEFORE), (1, 99, PROMOTED))
    assert [each.timeline for each in (first, second, now)] == [1, 2, 3]
    assert now.has(backup(1, 99))
    assert not now.has(backup(2, 60))
    assert now.leads_through("0000000100000000000000AA")
    assert not now.leads_through("0000000200000000000000AA")


def test_files_of_timelines_that_nothing_needs_any_more_may_be_gone() -> None:
    parents = (history(f"1\t0/10\t{BEFORE}"), history(f"1\t0/10\t{BEFORE}\n2\t0/20\t{PROMOTED}"))
    found = in_force({3: 300.0}, {1: (), 2: parents[0], 3: parents[1]})
    assert at(found, 100.0).timeline == 3
    # With none at all there is nothing to tell the backups apart by.
    assert in_force({}, {})[-1].has(backup(7, 1))


@pytest.mark.parametrize(
    ("backups", "begins"),
    [
        ([(40, 1, 10)], 41),
        # The restore goes back to before the newest backup, and there is an older one.
        ([(40, 1, 10), (150, 1, 99)], 41),
        # There is none: only what was written since the next one can be restored to any second.
        ([(150, 1, 99)], None),
        ([(150, 1, 99), (250, 2, 60)], 251),
        ([(40, 1, 10), (250, 2, 60)], 41),
        ([(250, 2, 60)], 251),
        ([], None),
    ],
)
def test_any_second_can_be_restored_from_where_every_way_has_a_backup(
    backups: list[tuple[int, int, int]], begins: int | None
) -> None:
    ended = [(second, backup(timeline, stop)) for second, timeline, stop in backups]
    assert restorable_from(ways((1, 50, BEFORE)), ended) == begins


def test_the_first_commit_of_a_timeline_is_read_from_its_first_segment() -> None:
    (left, _) = ways((1, 50, BEFORE))
    assert (left.left_for, left.left_at) == (2, 50)
    assert segment(2, 0x1_0500_0028, 16 << 20) == "000000020000000100000005"
    said = """rmgr: Transaction tx: 7, lsn: 0/5, prev 0/4, desc: ABORT 2026-11-29 21:00:00.1 UTC
rmgr: Transaction tx: 8, lsn: 0/6, prev 0/5, desc: COMMIT 2026-11-29 21:00:40.250000 UTC; inval msgs: catcache
rmgr: Transaction tx: 9, lsn: 0/7, prev 0/6, desc: COMMIT 2026-11-29 21:00:41.000000 UTC
"""
    assert committed(said) == datetime(2026, 11, 29, 21, 0, 40, 250000, tzinfo=UTC)
    assert committed("") is None
