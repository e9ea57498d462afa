"""What keddah adds to Patroni's round; Patroni itself, which only the image has, is played here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patroni_modules import Cluster, DriverError, NoConnectionError, StoreError, member


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def ha(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from member(cluster, monkeypatch)


def test_who_holds_the_lock_takes_the_label_from_everybody_else(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    cluster.labels["orders-1"] = {"keddah.dev/role": "primary"}
    cluster.refresh()
    ha.leads = True
    assert ha.touch_member()
    assert cluster.did == ["touched", "unlabelled orders-1"]


@pytest.mark.parametrize("labels", [{"keddah.dev/role": "standby"}, {}, None])
def test_no_label_but_the_primarys_is_taken(ha: Any, cluster: Cluster, labels: dict[str, str] | None) -> None:  # noqa: ANN401
    cluster.labels["orders-1"] = labels
    cluster.refresh()
    ha.leads = True
    ha.touch_member()
    assert cluster.did == ["touched"]


def test_who_does_not_hold_the_lock_writes_to_nobody_else(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    cluster.labels["orders-1"] = {"keddah.dev/role": "primary"}
    cluster.refresh()
    ha.touch_member()
    assert cluster.did == ["touched"]


@pytest.mark.parametrize("state", ["stopping", "stopped", "crashed"])
def test_a_primary_that_was_stopped_says_nothing_before_its_successor(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    state: str,
) -> None:
    cluster.server.state = state
    cluster.dcs.cluster = None  # Patroni forgets what it knew when it frees the lock
    assert ha.touch_member()
    assert cluster.did == []
    cluster.labels["orders-1"] = {"keddah.dev/role": "primary"}
    cluster.refresh()
    assert ha.touch_member()
    assert cluster.did == ["touched"]


@pytest.mark.parametrize(
    ("role", "state"), [("replica", "stopped"), ("primary", "running"), ("demoted", "starting")]
)
def test_everybody_else_always_says_how_it_is(ha: Any, cluster: Cluster, role: str, state: str) -> None:  # noqa: ANN401
    cluster.server.role, cluster.server.state = role, state
    ha.touch_member()
    assert cluster.did == ["touched"]


@pytest.mark.parametrize(
    ("leads", "said", "did"),
    [(True, "initialized a new cluster", ["unmarked", "woken"]), (False, "running post_bootstrap", [])],
)
def test_a_new_database_makes_its_standbys_slots_as_soon_as_it_leads(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    leads: bool,  # noqa: FBT001
    said: str,
    did: list[str],
) -> None:
    ha.leads = leads
    assert ha.post_bootstrap() == said
    assert cluster.did == did


@pytest.mark.parametrize(("first", "did"), [(True, ["marked"]), (False, [])])
def test_only_the_member_that_bootstraps_marks_its_data(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    first: bool,  # noqa: FBT001
    did: list[str],
) -> None:
    ha.leads = first
    ha.bootstrap()
    assert cluster.did == did


def test_the_data_of_a_bootstrap_that_failed_goes_before_another_can_begin(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    ha.cancel_initialization()
    assert cluster.did == ["immediate stop in 5 s", "moved the data away", "cancelled"]


def choose(ha: Any, *, voters: list[str], quorum: bool = True, strict: bool = False) -> None:  # noqa: ANN401
    ha.cluster = SimpleNamespace(sync=SimpleNamespace(voters=voters))
    ha.patroni.quorum = quorum
    sys.modules["patroni"].global_config.is_synchronous_mode_strict = strict
    ha.process_sync_replication()


def test_commits_wait_for_nobody_when_that_is_allowed_again_and_no_standby_is_there(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
) -> None:
    choose(ha, voters=[])
    assert cluster.did == ["waits for 0 of []", "chose"]


@pytest.mark.parametrize(
    ("names", "lead"),
    [
        ("ANY 1 (*)", {"voters": ["orders-1"]}),
        ("ANY 1 (*)", {"voters": [], "strict": True}),
        ("*", {"voters": [], "quorum": False}),
        ('ANY 1 ("orders-1")', {"voters": []}),
        ("", {"voters": []}),
    ],
    ids=[
        "somebody may take over",
        "strict",
        "no quorum commit",
        "a standby is named",
        "nobody is waited for",
    ],
)
def test_whatever_else_commits_wait_for_is_patronis_choice(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    names: str,
    lead: dict[str, Any],
) -> None:
    cluster.names = names
    choose(ha, **lead)
    assert cluster.did == ["chose"]


@pytest.mark.parametrize(
    ("leader", "succeeded"), [(None, False), ("", False), ("orders-0", False), ("orders-1", True)]
)
def test_a_successor_is_another_that_holds_the_lock(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    leader: str | None,
    *,
    succeeded: bool,
) -> None:
    cluster.dcs.cluster.leader = None if leader is None else SimpleNamespace(name=leader)
    assert ha.succeeded() is succeeded
    cluster.dcs.cluster = None
    assert not ha.succeeded()


@pytest.mark.parametrize(("quorum", "position", "lagging"), [(1, 0, False), (0, 0, True), (0, 1000, False)])
def test_distance_keeps_nobody_from_the_race_where_votes_tell_what_was_acknowledged(
    ha: Any,  # noqa: ANN401
    quorum: int,
    position: int,
    *,
    lagging: bool,
) -> None:
    ha.patroni.quorum = quorum
    assert ha.is_lagging(position) is lagging


def test_a_crashed_server_is_recovered_without_the_settings_of_sessions(ha: Any) -> None:  # noqa: ANN401
    options = ha._rewind.read_postmaster_opts()
    assert options["port"] == "5432"
    assert options["session_preload_libraries"] == ""
    assert options["default_transaction_read_only"] == "off"


@pytest.mark.parametrize(
    ("role", "state", "receiver", "follows"),
    [
        ("replica", "running", "streaming", True),
        ("replica", "running", "in archive recovery", False),
        ("replica", "running", None, False),
        ("replica", "starting", "streaming", False),
        ("primary", "running", None, True),
        ("primary", "crashed", None, False),
        ("replica", "running", DriverError(), False),
        ("replica", "running", NoConnectionError(), False),
    ],
)
def test_a_copy_has_proved_itself_when_it_streams_or_leads(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    role: str,
    state: str,
    receiver: str | Exception | None,
    follows: bool,  # noqa: FBT001
) -> None:
    def asked() -> str | None:
        if isinstance(receiver, Exception):
            raise receiver
        return receiver

    vars(cluster.server).update(role=role, state=state, replication_state=asked)
    assert ha.follows() is follows


def test_what_patroni_copies_it_copies_by_way_of_the_data_that_it_replaces(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    def copied(member: str, copy: Callable[[], bool]) -> bool:
        cluster.did.append(f"kept what {member} replaces")
        return copy()

    ha.patroni.data = SimpleNamespace(copied=copied)
    assert ha.clone("orders-1", "from leader", True) is True
    assert cluster.did == ["kept what orders-1 replaces", "copied orders-1 ('from leader', True)"]


def test_a_request_that_holds_the_ha_loop_up_does_not_wait_for_it(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    """Patroni looks at the cluster for a request to copy the primary while the HA loop cannot."""
    with ThreadPoolExecutor(1) as requests:
        requests.submit(ha.load_cluster_from_dcs).result()
        assert cluster.did == ["loaded"]
        cluster.dcs.cluster = None
        with pytest.raises(StoreError):
            requests.submit(ha.load_cluster_from_dcs).result()
    ha.load_cluster_from_dcs()
    assert cluster.did == ["loaded", "loaded"]
