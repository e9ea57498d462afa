"""A primary that stops, and hands over; Patroni itself, which only the image has, is played here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.patroni_modules import Cluster, DriverError, NoConnectionError, member

FAR = 256 << 20
ENDED = ["stopping", "ended the server (fast, 5 s)"]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def ha(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from member(cluster, monkeypatch)


def test_the_port_is_closed_before_the_lock_is_free(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    ha.shutdown()
    assert cluster.did == ["closed the port", "stopped"]


def lacking(ha: Any, missing: int | None, *, quorum: bool = True) -> None:  # noqa: ANN401
    ha.leads, ha.patroni.quorum = True, quorum
    ha.state_handler.query = lambda sql, retry: [(missing,)] if not retry else sql


@pytest.mark.parametrize(
    ("missing", "quorum", "did"),
    [(FAR + 1, True, ENDED), (FAR, True, []), (0, True, []), (None, True, []), (FAR + 1, False, [])],
)
def test_a_stopping_primary_does_not_wait_for_standbys_that_are_far_behind(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    missing: int | None,
    quorum: bool,  # noqa: FBT001
    did: list[str],
) -> None:
    lacking(ha, missing, quorum=quorum)
    ha.demote("graceful")
    ha.shutdown()
    assert cluster.did == [*did, "demoted (graceful)", "closed the port", *did, "stopped"]


def test_nothing_else_that_stops_is_ended(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    lacking(ha, FAR + 1)
    ha.demote("immediate")
    ha.patroni.paused = True
    ha.shutdown()
    ha.patroni.paused, ha.leads = False, False
    ha.shutdown()
    stopped = ["closed the port", "stopped"]
    assert cluster.did == ["demoted (immediate)", *stopped, *stopped]


@pytest.mark.parametrize("error", [DriverError, NoConnectionError])
def test_a_server_that_says_nothing_is_stopped_as_usual(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    error: type[Exception],
) -> None:
    def query(*_: object, **__: object) -> None:
        raise error

    lacking(ha, 0)
    cluster.server.query = query
    ha.demote("graceful")
    assert cluster.did == ["demoted (graceful)"]
