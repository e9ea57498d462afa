"""What a restore in place makes of the data: it stays beside, and comes back; nothing is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.protocol.settings import RestoreRequest, Settings, VolumeRepository
from deploy.images.patroni import replacing
from deploy.images.patroni.replacing import requested

SOURCE = Settings(archive="orders", data="/data", repository=VolumeRepository(host="orders-repository"))
ASIDE = RestoreRequest(source=SOURCE, aside="before-1")
BACK = RestoreRequest(source=SOURCE, aside="before-1", back=True)
KNOWN = "7578912345678901234"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "18" / "data"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("former")
    return folder


class Begun:
    """PostgreSQL, which begins a timeline on data that came back, or fails to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.times, self.fails = 0, fails

    def __call__(self) -> None:
        """Run it."""
        self.times += 1
        if self.fails:
            raise OSError


def prepare(
    folder: str, request: RestoreRequest | None, initialize: str | None, begin: Begun | None = None
) -> str:
    return replacing.prepare(folder, request, initialize, begin or Begun())


def kept(data: Path, suffix: str = "before-1") -> Path:
    return data.with_name(f"data.{suffix}")


def version(folder: Path) -> str:
    return (folder / "PG_VERSION").read_text()


def restored(data: Path) -> None:
    data.mkdir()
    (data / "PG_VERSION").write_text("restored")


def test_the_data_is_set_aside_once_and_stays(data: Path) -> None:
    assert prepare(str(data), ASIDE, None) == "before-1"
    assert version(kept(data)) == "former"
    restored(data)
    # Whatever ends the container now, and whenever the note is written.
    for initialize in (None, "", KNOWN):
        assert prepare(str(data), ASIDE, initialize) == "before-1"
        assert (version(data), version(kept(data))) == ("restored", "former")


@pytest.mark.parametrize("initialize", ["", KNOWN])
@pytest.mark.parametrize("request_", [ASIDE, BACK])
def test_nothing_is_moved_while_the_database_is_initialized(
    data: Path, initialize: str, request_: RestoreRequest
) -> None:
    kept(data).mkdir()
    assert (prepare(str(data), request_, initialize) == "") is request_.back
    assert version(data) == "former"


def test_without_a_request_nothing_is_moved(data: Path) -> None:
    assert prepare(str(data), None, None) == ""
    assert version(data) == "former"


def test_the_former_data_comes_back_and_what_was_restored_stays(data: Path) -> None:
    prepare(str(data), ASIDE, None)
    restored(data)
    assert prepare(str(data), BACK, None) == "before-1.undone"
    assert (version(data), version(kept(data, "before-1.undone"))) == ("former", "restored")
    # Again, after a container that ended.
    assert prepare(str(data), BACK, None) == "before-1.undone"
    assert version(data) == "former"


def test_the_former_data_goes_on_with_a_timeline_of_its_own(data: Path) -> None:
    prepare(str(data), ASIDE, None)
    restored(data)
    failing, working = Begun(fails=True), Begun()
    with pytest.raises(OSError):  # noqa: PT011 - any
        prepare(str(data), BACK, None, failing)
    assert version(data) == "former"
    prepare(str(data), BACK, None, working)
    prepare(str(data), BACK, None, working)
    assert (failing.times, working.times) == (1, 1)


def test_the_former_data_comes_back_from_between_the_two_renames(data: Path) -> None:
    data.rename(kept(data))
    restored(data)
    data.rename(kept(data, "before-1.undone"))
    assert prepare(str(data), BACK, None) == "before-1.undone"
    assert version(data) == "former"


def test_the_former_data_comes_back_where_nothing_was_restored(data: Path) -> None:
    prepare(str(data), ASIDE, None)
    assert prepare(str(data), BACK, None) == "before-1.undone"
    assert version(data) == "former"


def test_only_a_request_in_place_is_one(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    assert requested(file) is None
    file.write_text(RestoreRequest(source=SOURCE).text())
    assert requested(file) is None
    file.write_text(ASIDE.text())
    assert requested(file) == ASIDE
