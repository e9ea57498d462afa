"""A standby that releases a dead primary's lock, by the controller's own rule and after its turn."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from controller.observe.instances.manifests import instance, leadership
from controller.observe.state import Leadership, Node
from controller.plan.actions import ReleaseLock
from controller.plan.instances.failover import release
from controller.protocol.member import CONTAINER
from deploy.images.patroni.lock import Lock, orphaned, watch
from tests.states import observed
from tests.states import pod as standby_pod

NAME = "deploy.images.patroni.standby"
RENEWED = "2026-07-01T12:00:05.600000+00:00"
ENDED = {"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": "2026-07-01T12:00:05Z"}}
EARLIER = {"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": "2026-07-01T12:00:04Z"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff"}}


def container(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": CONTAINER, "state": state, "lastState": last or {}}


def manifest(
    *containers: dict[str, Any], since: str = "2026-07-01T11:00:00Z", **spec: object
) -> dict[str, Any]:
    status = {"containerStatuses": list(containers), "startTime": since}
    metadata = {"name": "orders-0", "uid": "u"}
    return {"metadata": metadata, "spec": {"nodeName": "node-0", **spec}, "status": status}


def by_the_controller(written: dict[str, Any], renewed: str) -> bool:
    annotations = {"leader": "orders-0", "renewTime": renewed}
    said = leadership({"orders-leader": {"metadata": {"annotations": annotations}}}, "orders")
    lead = Leadership("orders-0", frozenset({"orders-1", "orders-2"}), quorum=1, renewed=said.renewed)
    nodes = {"node-0": Node(ready=True, cordoned=False)}
    instances = (instance(written), standby_pod(1), standby_pod(2))
    return isinstance(release(observed(instances, nodes=nodes, leadership=lead), "orders"), ReleaseLock)


@pytest.mark.parametrize(
    ("written", "renewed", "is_orphaned"),
    [
        pytest.param(manifest(container(ENDED)), RENEWED, True, id="ended"),
        pytest.param(manifest(container(BACK_OFF, ENDED)), RENEWED, True, id="not started again yet"),
        pytest.param(manifest(container({"running": {}})), RENEWED, False, id="runs"),
        pytest.param(manifest(container({"running": {}}, ENDED)), RENEWED, False, id="runs again"),
        pytest.param(
            manifest(container({"waiting": {"reason": "ContainerCreating"}}, ENDED)),
            RENEWED,
            False,
            id="is being started",
        ),
        pytest.param(
            manifest({"name": "sidecar", "state": ENDED}), RENEWED, False, id="another container ended"
        ),
        pytest.param(
            manifest({"name": "sidecar", "state": ENDED}, container({"running": {}})),
            RENEWED,
            False,
            id="a sidecar ended",
        ),
        pytest.param(manifest(), RENEWED, False, id="nothing is known"),
        pytest.param(manifest(container({})), RENEWED, False, id="no state"),
        pytest.param(
            manifest(container(ENDED), shareProcessNamespace=True), RENEWED, False, id="processes are shared"
        ),
        pytest.param(manifest(container(EARLIER)), RENEWED, False, id="renewed after the end"),
        pytest.param(
            manifest(container(ENDED), since="2026-07-01T12:00:06Z"),
            RENEWED,
            False,
            id="renewed before this pod",
        ),
        pytest.param(manifest(container(ENDED)), "", False, id="no renewal"),
        pytest.param(manifest(container(ENDED)), "2026-07-01T12:00:05", False, id="a renewal without zone"),
        pytest.param(manifest(container({"terminated": {}})), RENEWED, False, id="no time of the end"),
    ],
)
def test_a_standby_and_the_controller_have_one_rule(
    written: dict[str, Any],
    renewed: str,
    is_orphaned: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert orphaned(Lock("orders-0", "7", renewed), written) is is_orphaned
    assert by_the_controller(written, renewed) is is_orphaned


def test_a_holder_without_a_pod_may_run_somewhere() -> None:
    assert not orphaned(Lock("orders-0", "7", RENEWED), None)


class Over(Exception):  # noqa: N818 - no error: the end of what never ends
    """The last look is over."""


class Member:
    """A standby that sees one thing after another, each a quarter of a second later."""

    def __init__(self, *samples: tuple[Lock | None, dict[str, Any] | None]) -> None:
        self.now = 0.0
        self.released: list[tuple[float, str]] = []
        self._samples = list(samples)

    def lock(self) -> Lock | None:
        """Give the lock of this moment."""
        return self._samples[0][0]

    def pod(self, name: str) -> Any:  # noqa: ANN401 - a manifest
        """Give its holder's pod of this moment."""
        assert name == "orders-0"
        return self._samples[0][1]

    def release(self, lock: Lock) -> None:
        """Note when which version was released."""
        self.released.append((self.now, lock.version))

    def pause(self, seconds: float) -> None:
        """Come to the next moment."""
        self.now += seconds
        self._samples.pop(0)
        if not self._samples:
            raise Over


DEAD, ALIVE = manifest(container(ENDED)), manifest(container({"running": {}}, ENDED))


def looked(*samples: tuple[Lock | None, dict[str, Any] | None]) -> list[tuple[float, str]]:
    member = Member(*samples)
    with pytest.raises(Over):
        watch(member, lambda: member.now, member.pause)
    return member.released


def lock(version: str = "7", renewed: str = RENEWED) -> Lock:
    return Lock("orders-0", version, renewed)


def test_the_controller_has_a_second_before_the_lock_is_released() -> None:
    assert looked(*[(lock(), DEAD)] * 4) == []
    assert looked(*[(lock(), DEAD)] * 5) == [(1.0, "7")]


def test_a_release_that_came_to_nothing_is_tried_again_after_as_long() -> None:
    assert looked(*[(lock(), DEAD)] * 11) == [(1.0, "7"), (2.25, "7")]


@pytest.mark.parametrize("meanwhile", [(None, DEAD), (lock(), ALIVE), (lock(), None)])
def test_whoever_runs_again_or_is_succeeded_begins_the_second_anew(meanwhile: Any) -> None:  # noqa: ANN401
    assert looked(*[(lock(), DEAD)] * 4, meanwhile, *[(lock(), DEAD)] * 4) == []


def test_it_is_the_newest_version_that_is_released() -> None:
    assert looked(*[(lock("7"), DEAD)] * 4, (lock("8"), DEAD)) == [(1.0, "8")]


@pytest.fixture
def patroni() -> Any:  # noqa: ANN401 - Patroni is played here
    written = SimpleNamespace(
        metadata=SimpleNamespace(
            annotations={"leader": "orders-0", "renewTime": RENEWED}, resource_version="7"
        )
    )
    did: list[tuple[Any, ...]] = []
    store = SimpleNamespace(
        leader_path="orders-leader",
        _kinds={"orders-leader": written},
        _pods={"orders-0": DEAD},
        _namespace="shop",
        _api=SimpleNamespace(patch_namespaced_kind=lambda *words: did.append(words)),
        did=did,
    )
    sync = SimpleNamespace(matches=lambda name: name == "orders-1")
    ha = SimpleNamespace(
        cluster=SimpleNamespace(sync=sync), is_paused=lambda: False, is_synchronous_mode=lambda: True
    )
    server = SimpleNamespace(name="orders-1", role="replica", state="running")
    return SimpleNamespace(dcs=store, ha=ha, postgresql=server, nofailover=False)


@pytest.fixture
def member(patroni: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ANN401
    store = ModuleType("patroni.dcs.kubernetes")
    client = SimpleNamespace(V1ObjectMeta=dict, V1ConfigMap=dict)
    vars(store).update(catch_kubernetes_errors=lambda function: function, k8s_client=client)
    for module in (ModuleType("patroni"), ModuleType("patroni.dcs"), store):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    yield importlib.import_module(NAME).PatroniStandby(patroni)
    sys.modules.pop(NAME, None)


def test_a_standby_knows_the_lock_and_its_holders_pod_from_patronis_watches(member: Any) -> None:  # noqa: ANN401
    assert member.lock() == Lock("orders-0", "7", RENEWED)
    assert member.pod("orders-0") is DEAD
    assert member.pod("orders-9") is None


def test_the_lock_is_taken_from_its_holder_at_the_version_that_was_seen(
    member: Any,  # noqa: ANN401
    patroni: Any,  # noqa: ANN401
    caplog: pytest.LogCaptureFixture,
) -> None:
    member.release(member.lock())
    metadata = {"annotations": {"leader": None}, "resource_version": "7"}
    assert patroni.dcs.did == [("orders-leader", "shop", {"metadata": metadata})]
    assert "Releasing the lock of orders-0" in caplog.text


def test_commits_that_wait_for_nobody_leave_every_standby_in_the_race(member: Any, patroni: Any) -> None:  # noqa: ANN401
    patroni.postgresql.name, patroni.ha.is_synchronous_mode = "orders-2", lambda: False
    assert member.lock() is not None


@pytest.mark.parametrize(
    ("of", "attribute", "value"),
    [
        ("ha", "cluster", None),
        ("ha", "is_paused", lambda: True),
        (None, "nofailover", True),
        ("postgresql", "role", "primary"),
        ("postgresql", "state", "starting"),
        ("postgresql", "name", "orders-2"),
        ("dcs", "_kinds", {}),
    ],
    ids=["no look yet", "paused", "nofailover", "leads", "does not run", "not counted on", "no lock"],
)
def test_who_could_not_take_the_lock_over_leaves_it(
    member: Any,  # noqa: ANN401
    patroni: Any,  # noqa: ANN401
    of: str | None,
    attribute: str,
    value: object,
) -> None:
    setattr(getattr(patroni, of) if of else patroni, attribute, value)
    assert member.lock() is None


@pytest.mark.parametrize("annotations", [None, {}, {"leader": ""}])
def test_a_lock_that_nobody_holds_is_nobodys(member: Any, patroni: Any, annotations: object) -> None:  # noqa: ANN401
    patroni.dcs._kinds["orders-leader"].metadata.annotations = annotations
    assert member.lock() is None
