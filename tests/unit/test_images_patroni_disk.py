"""What a member says of its volume; the volumes are played here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.images.patroni.disk import LOOK_SECONDS, DiskSpace, watch

MIB = 1 << 20


class EnoughError(Exception):
    """The test has seen what it wanted."""


def after(*free: int) -> DiskSpace:
    space = DiskSpace()
    for mebibytes in free:
        space.changed(mebibytes * MIB)
    return space


@pytest.mark.parametrize(
    ("free", "full"),
    [((), False), ((32,), False), ((31,), True), ((0, 63), True), ((0, 64), False), ((0, 64, 63), False)],
)
def test_a_volume_is_full_until_it_has_clearly_more_room(free: tuple[int, ...], full: bool) -> None:  # noqa: FBT001
    assert after(*free).full is full


@pytest.mark.parametrize(
    ("free", "room"),
    [
        ((), 0),
        ((1000,), 888),
        # What comes and goes, as WAL does, is not news.
        ((1000, 900, 1100), 888),
        ((1000, 880), 782),
        ((1000, 1111), 987),
        ((1000, 0), 0),
        ((1000, 31), 0),
    ],
)
def test_how_much_room_there_is_is_told_coarsely(free: tuple[int, ...], room: int) -> None:
    assert after(*free).room == room


def test_a_member_without_room_may_still_take_over() -> None:
    tags = after(0).tags
    assert tags["nofailover"] is False
    assert tags["failover_priority"] == 0


def watched(monkeypatch: pytest.MonkeyPatch, found: Iterable[int | OSError]) -> list[str | float]:
    """Look once at each of these; give what was done."""
    looks = iter(found)
    told: list[str | float] = []

    def look(folder: str) -> SimpleNamespace:
        assert folder == "/data"
        seen = next(looks, None)
        if seen is None:
            raise EnoughError
        if isinstance(seen, OSError):
            raise seen
        return SimpleNamespace(f_bavail=seen, f_frsize=MIB)

    monkeypatch.setattr(os, "statvfs", look)
    with pytest.raises(EnoughError):
        watch(DiskSpace(), "/data", lambda: told.append("woken"), told.append)
    return told


def test_patroni_is_woken_when_what_is_said_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    told = watched(monkeypatch, [0, 0, 99, 500, 501])
    assert told == ["woken", LOOK_SECONDS, LOOK_SECONDS, *2 * ["woken", LOOK_SECONDS], LOOK_SECONDS]


def test_a_folder_that_is_not_there_yet_is_neither_full_nor_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    told = watched(monkeypatch, [FileNotFoundError(), 0, FileNotFoundError()])
    assert told == [LOOK_SECONDS, "woken", LOOK_SECONDS, LOOK_SECONDS]


def test_bytes_of_a_true_volume_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.statvfs(tmp_path)
    seen: list[int] = []

    def changed(_: DiskSpace, free: int) -> bool:
        seen.append(free)
        return False

    monkeypatch.setattr(DiskSpace, "changed", changed)

    def enough(_: float) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        watch(DiskSpace(), str(tmp_path), lambda: None, enough)
    [free] = seen
    assert 0 < free <= whole.f_blocks * whole.f_frsize
