"""A bootstrap whose container ended begins again, and nothing that is whole is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.images.patroni.bootstrap import RESTORE, Mark, progress


@dataclass
class Store:
    """Patroni's note about the bootstrap."""

    initialize: str | None

    def get_cluster(self) -> SimpleNamespace:
        """Read it."""
        return SimpleNamespace(initialize=self.initialize)

    def cancel_initialization(self) -> None:
        """Take it away."""
        self.initialize = None


def left(folder: Path, *, marked: bool) -> tuple[Path, Mark]:
    """Return the data that a container left, and the next one's mark."""
    data = folder / "18" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18")
    mark = Mark(str(data))
    if marked:
        mark.begin()
    return data, Mark(str(data))


def test_a_bootstrap_that_was_interrupted_begins_again(tmp_path: Path) -> None:
    data, mark = left(tmp_path, marked=True)
    store = Store("")
    mark.undo(store, "initdb")
    assert not data.exists()
    assert store.initialize is None


def test_a_restore_begins_again_whatever_became_of_its_mark(tmp_path: Path) -> None:
    data, mark = left(tmp_path, marked=False)
    store = Store("")
    mark.undo(store, RESTORE)
    assert not data.exists()
    assert store.initialize is None


@pytest.mark.parametrize("method", ["initdb", RESTORE])
@pytest.mark.parametrize("initialize", ["7578912345678901234", None])
def test_data_stays_that_is_the_databases_or_of_which_nothing_is_known(
    tmp_path: Path, initialize: str | None, method: str
) -> None:
    data, mark = left(tmp_path, marked=True)
    store = Store(initialize)
    mark.undo(store, method)
    assert (data / "PG_VERSION").exists()
    assert store.initialize == initialize


def test_what_another_member_bootstraps_is_not_cancelled(tmp_path: Path) -> None:
    data, mark = left(tmp_path, marked=False)
    store = Store("")
    mark.undo(store, "initdb")
    assert data.exists()
    assert store.initialize == ""


def test_a_mark_ends_with_the_bootstrap(tmp_path: Path) -> None:
    data, mark = left(tmp_path, marked=True)
    mark.undo(Store("7578912345678901234"), "initdb")
    # Should the note be lost later, it is not taken for one of a bootstrap.
    mark.undo(Store(""), "initdb")
    assert data.exists()


def test_progress_is_told_while_there_is_some(tmp_path: Path) -> None:
    file = tmp_path / "restoring"
    assert progress(file) == ""
    file.write_text("37 % of the files")
    assert progress(file) == "37 % of the files"
