"""The fault laboratory, each fault once: what must hold however long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clusters import Cluster
from tests.laboratory.laboratory import Laboratory, laboratory
from tests.laboratory.rows import PLANNED, TIER
from tests.laboratory.table import PROMPT_SECONDS, Finding, Row
from tests.laboratory.trial import trial
from tests.waiting import BUSY

pytestmark = pytest.mark.own_cluster("kills processes by their control group and cuts links of deploy/local")


@pytest.fixture(scope="module")
def place(
    cluster: Cluster, made: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    with laboratory(cluster, made(), tmp_path_factory.mktemp("ledgers")) as there:
        yield there
        there.give_up()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in TIER])
def test_every_acknowledged_row_survives_and_nobody_writes_beside_the_primary(
    place: Laboratory, row: Row
) -> None:
    run = trial(place, row.briefly())
    print(run)
    assert isinstance(run, Finding), _log(place.folder, row)
    assert (run.lost, run.doubled, run.split_brain) == (0, 0, 0), _log(place.folder, row)
    if row.name in PLANNED:
        assert run.changes == 1, _log(place.folder, row)
    if not row.controller_affected:
        assert (run.named_late or 0.0) <= BUSY * PROMPT_SECONDS, _log(place.folder, row)


def _log(folder: Path, row: Row) -> str:
    return (folder / f"{row.name}-1.log").read_text()[-8000:]
