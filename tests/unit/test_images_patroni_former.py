"""What stays on the volume while a copy replaces the data, wherever the container ends in between."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.images.patroni.copying import SPARE_BYTES, Copies, listening
from deploy.images.patroni.former import FormerData

MIB = 1 << 20
BAD_PAGE = """WARNING:  checksum verification failed in file "./base/5/16384", block 2: calculated 7D91 ...
pg_basebackup: error: checksum error occurred
"""
CUT_OFF = "pg_basebackup: error: could not read COPY data: server closed the connection unexpectedly\n"
FULL = 'pg_basebackup: error: could not write to file "/d/base/1": No space left on device\n'
UNREADABLE = (
    'pg_basebackup: error: final receive failed: ERROR:  could not read file "base/5/1": Input/output error'
)


class Volume:
    """A volume with the data of a standby on it, and the primary that is copied to it."""

    def __init__(self, folder: Path, *, free: int | None = None) -> None:
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        (self.data / "PG_VERSION").write_text("17")
        (self.data / "ours").write_text("the last good copy?")
        self.size: int | None = 100 * MIB
        self.whole = True
        self.asked = 0
        self.free = free
        self.again()

    def again(self) -> None:
        """Start another container on it."""
        self.former = FormerData(str(self.data))
        if self.free is not None:
            vars(self.former)["free"] = lambda: self.free
        self.former.restore()
        self.copies = Copies(self.former, self.remove)

    def remove(self) -> None:
        """Remove PGDATA as Patroni does."""
        for file in self.data.iterdir():
            file.unlink()
        self.data.rmdir()

    def begin(self) -> bool:
        """Begin a copy of this primary."""

        class Source:
            def size(_) -> int | None:  # noqa: N805
                return self.size

            def delivers(_) -> bool:  # noqa: N805
                self.asked += 1
                self.copies.heard(0 if self.whole else 1, "" if self.whole else BAD_PAGE)
                return self.whole

        return self.copies.begin(Source())

    def receive(self, *files: str) -> None:
        """Let pg_basebackup write so much."""
        self.data.mkdir(exist_ok=True)
        for name in files:
            (self.data / name).write_text("the primary's")

    @property
    def found(self) -> list[str]:
        """What PGDATA has."""
        return sorted(file.name for file in self.data.iterdir()) if self.data.exists() else []

    @property
    def beside(self) -> list[str]:
        """What lies beside it."""
        return sorted(file.name for file in self.data.parent.iterdir() if file != self.data)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


OURS = ["PG_VERSION", "ours"]


def test_the_former_data_stays_beside_the_copy_until_that_streams(volume: Volume) -> None:
    identity = (volume.data / "ours").stat().st_ino
    assert volume.begin()
    assert volume.found == []
    volume.receive("PG_VERSION")
    volume.copies.heard(0, "")
    assert volume.copies.end()
    assert volume.found == ["PG_VERSION"]
    assert volume.beside == ["data.replaced"]
    assert (volume.data.with_name("data.replaced") / "ours").stat().st_ino == identity
    assert volume.copies.report == ""
    volume.former.give_up()
    volume.former.clear()
    assert volume.beside == []
    assert volume.found == ["PG_VERSION"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (BAD_PAGE, "source-damaged"),
        (UNREADABLE, "source-damaged"),
        (CUT_OFF, "failed"),
        (FULL, "no-space"),
        ("", "failed"),
    ],
)
def test_a_copy_that_failed_gives_the_former_data_its_place_back(
    volume: Volume, said: str, outcome: str
) -> None:
    identity = (volume.data / "ours").stat().st_ino
    volume.begin()
    volume.receive("PG_VERSION", "global")
    volume.copies.heard(1, said)
    assert not volume.copies.end()
    assert (volume.found, volume.beside) == (OURS, [])
    assert (volume.data / "ours").stat().st_ino == identity
    assert volume.copies.report == outcome


def test_an_error_that_ends_a_copy_before_it_began_loses_nothing(volume: Volume) -> None:
    volume.begin()
    assert not volume.copies.end()
    assert (volume.found, volume.beside) == (OURS, [])
    assert volume.copies.report == "failed"


Step = Callable[[Volume], object]
STEPS: list[Step] = [
    lambda v: v.former.set_aside(),
    lambda v: v.former.begin(),
    lambda v: v.receive("PG_VERSION", "global"),
]


@pytest.mark.parametrize("steps", range(len(STEPS) + 1))
def test_wherever_the_container_ends_during_a_copy_the_next_one_has_the_former_data(
    volume: Volume, steps: int
) -> None:
    for step in STEPS[:steps]:
        step(volume)
    volume.again()
    assert (volume.found, volume.beside) == (OURS, [])


def test_a_restoration_that_was_interrupted_is_finished(volume: Volume) -> None:
    for step in STEPS:
        step(volume)
    volume.remove()
    volume.former.complete()
    volume.again()
    assert (volume.found, volume.beside) == (OURS, [])


def test_a_complete_copy_stays_when_the_container_ends_before_it_streams(volume: Volume) -> None:
    volume.begin()
    volume.receive("PG_VERSION", "global")
    volume.copies.heard(0, "")
    volume.again()
    assert (volume.found, volume.beside) == (["PG_VERSION", "global"], ["data.replaced"])


def test_a_deletion_that_was_interrupted_is_no_former_data(volume: Volume) -> None:
    volume.begin()
    volume.receive("PG_VERSION")
    volume.copies.heard(0, "")
    volume.former.give_up()
    (volume.data.with_name("data.obsolete") / "PG_VERSION").unlink()
    volume.again()
    assert not volume.former.kept
    volume.former.clear()
    assert (volume.found, volume.beside) == (["PG_VERSION"], [])


def test_a_copy_that_never_streamed_may_be_replaced_and_what_it_replaced_comes_back(volume: Volume) -> None:
    volume.begin()
    volume.receive("PG_VERSION", "first")
    volume.copies.heard(0, "")
    assert volume.copies.end()
    assert volume.begin()
    assert volume.found == []
    volume.receive("second")
    volume.copies.heard(1, CUT_OFF)
    volume.copies.end()
    assert (volume.found, volume.beside) == (OURS, [])


def test_the_data_that_comes_back_is_private_again(volume: Volume) -> None:
    volume.begin()
    volume.data.with_name("data.replaced").chmod(0o770)
    volume.copies.end()
    assert stat.S_IMODE(volume.data.stat().st_mode) == 0o700


def test_an_empty_volume_is_copied_to_without_further_ado(volume: Volume) -> None:
    volume.remove()
    volume.size = None
    assert volume.begin()
    volume.receive("global")
    volume.copies.heard(1, CUT_OFF)
    volume.copies.end()
    assert (volume.found, volume.beside) == ([], [])


def test_a_new_volume_is_copied_to(tmp_path: Path) -> None:
    new = FormerData(str(tmp_path / "17/data"))
    new.restore()
    new.clear()
    assert (new.empty(), new.kept, new.unfinished) == (True, False, False)
    new.begin()
    assert new.unfinished
    new.restore()
    assert (new.empty(), new.unfinished) == (True, False)


def test_nothing_is_copied_from_a_primary_that_does_not_answer(volume: Volume) -> None:
    volume.size = None
    assert not volume.begin()
    assert (volume.found, volume.beside) == (OURS, [])
    assert volume.copies.report == "failed"


def test_patroni_removes_nothing_but_an_unfinished_copy(volume: Volume) -> None:
    volume.copies.remove()
    assert volume.found == OURS
    volume.begin()
    volume.receive("global")
    volume.copies.remove()
    assert volume.found == []
    volume.receive("PG_VERSION")
    volume.copies.heard(0, "")
    volume.copies.remove()
    assert volume.found == ["PG_VERSION"]


NEEDED = 110 * MIB + SPARE_BYTES


@pytest.mark.parametrize(("free", "kept"), [(NEEDED, True), (NEEDED - 1, False)])
def test_room_is_measured_by_the_primary(tmp_path: Path, free: int, kept: bool) -> None:  # noqa: FBT001
    volume = Volume(tmp_path, free=free)
    assert volume.begin()
    assert volume.former.kept is kept
    assert volume.asked == (0 if kept else 1)
    assert volume.copies.report == ("" if kept else "no-room")
    volume.receive("PG_VERSION")
    volume.copies.heard(0, "")
    assert volume.copies.end()
    assert volume.copies.report == ""


def test_without_room_the_data_stays_unless_the_primary_has_delivered_everything_once(tmp_path: Path) -> None:
    volume = Volume(tmp_path, free=150 * MIB)
    volume.whole = False
    assert not volume.begin()
    assert (volume.found, volume.beside) == (OURS, [])
    assert volume.copies.report == "source-damaged"


def test_the_data_stays_where_even_its_own_room_would_not_do(tmp_path: Path) -> None:
    volume = Volume(tmp_path, free=50 * MIB)
    assert not volume.begin()
    assert (volume.found, volume.beside, volume.asked) == (OURS, [], 0)
    assert volume.copies.report == "no-space"


def test_data_that_lies_elsewhere_too_is_not_renamed(volume: Volume, tmp_path: Path) -> None:
    assert volume.former.whole
    (volume.data / "pg_tblspc").mkdir()
    assert volume.former.whole
    (volume.data / "pg_tblspc/16385").symlink_to(tmp_path)
    assert not volume.former.whole


def test_what_pg_basebackup_says_is_heard_and_no_other_program() -> None:
    heard: list[tuple[int | None, str]] = []

    def call(command: list[str], communicate: dict[str, bytes] | None = None, **_: object) -> int:
        if communicate is not None:
            communicate["stderr"] = b"it said"
        return len(command)

    called = listening(call, lambda code, said: heard.append((code, said)))
    assert called(["/usr/lib/postgresql/17/bin/pg_basebackup", "-D"], env={}) == 2
    assert called(["/usr/lib/postgresql/17/bin/pg_rewind"], env={}) == 1
    assert heard == [(2, "it said")]


def test_a_program_that_did_not_start_said_nothing() -> None:
    heard: list[tuple[int | None, str]] = []
    listening(lambda *_, **__: None, lambda code, said: heard.append((code, said)))(["pg_basebackup"])
    assert heard == [(None, "")]
