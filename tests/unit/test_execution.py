from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.act.actor import Actor
from controller.act.execution import Execution, waves
from controller.act.recorder import Recorder
from controller.kube.answers import Conflict, KubeError, Refused, Unavailable
from controller.kube.client import Kube
from controller.kube.objects import Key, Manifest
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.observe.state import ObservedState
from controller.patroni import Patroni
from controller.plan.actions import (
    Action,
    Apply,
    Delete,
    DeletePod,
    Discard,
    Rebuild,
    RelabelStandby,
    ReleaseLock,
    RestartPostgres,
    Switchover,
)
from controller.plan.interruption import Overtaken
from controller.watches.cache import Cache
from schemas.api.types import PostgreSQLDatabase, decode
from tests import sql, states
from tests.factory import complete_database
from tests.inprocess import KilledError

KEY = Key("shop", "orders")
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
RESTART = DeletePod("orders-1", "uid-1", "the pod template changed")


def new(kind: str, name: str = "orders") -> Apply:
    metadata = {"name": name, "labels": {"keddah.dev/database": "orders"}}
    return Apply({"kind": kind, "metadata": metadata}, "missing", absent=True)


def drifted(kind: str) -> Apply:
    return Apply({"kind": kind, "metadata": {"name": "orders"}}, "spec.x differs")


class Hands(Actor):
    """Takes its time over everything, fails where it was told to, and notes what begins and ends."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.fails: dict[str, BaseException] = {}
        self.refused: tuple[tuple[Action, str], ...] = ()

    async def act(self, db: PostgreSQLDatabase, action: Action) -> None:
        """Note the action."""
        assert db.metadata.name == "orders"
        self.log.append(f"begin {action}")
        await asyncio.sleep(0)
        if str(action) in self.fails:
            raise self.fails[str(action)]
        await asyncio.sleep(0)
        self.log.append(f"end {action}")


class Api(Kube):
    """Knows who holds the lock by now, and whether Patroni is paused."""

    def __init__(self, holder: str, database: Manifest | None = None, config: str = "{}") -> None:
        self.database = database
        self.refuses: KubeError = Conflict(409, "create pods: it exists")
        self.state = {"orders-leader": {"leader": holder}, "orders-config": {"config": config}}

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Read the lock, the configuration or the database, and nothing else."""
        if kind == "PostgreSQLDatabase":
            return self.database
        assert (kind, namespace) == ("ConfigMap", "shop")
        metadata = {"name": name, "namespace": namespace, "uid": "u", "resourceVersion": "9"}
        return {"kind": kind, "metadata": metadata | {"annotations": self.state[name]}}

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Judge a pod, and create none."""
        assert (manifest["kind"], dry_run) == ("Pod", True)
        raise self.refuses


async def carry_out(
    hands: Hands,
    *actions: Action,
    around: ObservedState | None = None,
    holder: str = "orders-0",
    kube: Api | None = None,
    config: str = "{}",
) -> list[Action]:
    kube, cache = kube or Api(holder, config=config), Cache()
    patroni = Patroni(now=lambda: NOW, entropy=bytes)
    creations = Creations(kube, lambda: 0.0, lambda: NOW)
    reader = SecretReader(kube, "keddah-system")
    observer = Observer(kube, cache, patroni, Progress(lambda: 0.0), creations, reader)
    execution = Execution(observer, hands, Recorder(kube, now=lambda: NOW), sql.provisioner(kube))
    seen = around or states.observed(states.members(3))
    executed = await execution.carry_out(KEY, decode(complete_database()), actions, seen)
    hands.refused = executed.refused
    hands.log.append(f"{len(executed.done)} done")
    if executed.failure is not None:
        raise executed.failure
    return [*executed.done]


def test_new_children_are_made_at_once_and_what_names_them_after_them() -> None:
    source, binding, statefulset = new("Secret", "orders-keys"), new("RoleBinding"), new("StatefulSet")
    others = (new("Secret", "orders-app"), new("Role"), new("Service"))
    actions = (source, *others, binding, statefulset, RESTART)
    assert list(waves(actions)) == [(source,), others, (binding, statefulset), (RESTART,)]


def test_secrets_of_roles_that_go_are_deleted_at_once() -> None:
    gone = tuple(Delete("Secret", f"orders-role-{n}", "u", "1", "not declared", "shop") for n in range(3))
    claim = Delete("PersistentVolumeClaim", "data-orders-0", "u", "1", "given up", "shop")
    assert list(waves((*gone, claim, claim))) == [gone, (claim,), (claim,)]


def test_what_running_pods_use_is_mended_step_by_step() -> None:
    actions = (drifted("Service"), drifted("NetworkPolicy"), drifted("StatefulSet"))
    assert list(waves(actions)) == [(action,) for action in actions]


@pytest.mark.parametrize("change", [{}, {"uid": "uid-of-another"}, {"deletionTimestamp": "2026-07-01"}, None])
async def test_a_child_gets_its_owner_back_only_while_the_owner_lives(change: dict[str, str] | None) -> None:
    live, hands = complete_database(), Hands()
    live["metadata"] |= change or {}
    owners = [{"uid": complete_database()["metadata"]["uid"], "controller": True}]
    write = Apply({"kind": "Service", "metadata": {"name": "orders", "ownerReferences": owners}}, "x differs")
    orphan = {"Service": {"orders": {"kind": "Service", "metadata": {"name": "orders"}}}}
    around = states.observed(children=orphan)
    if change == {}:
        assert await carry_out(hands, write, around=around, kube=Api("orders-0", live)) == [write]
        return
    with pytest.raises(Overtaken, match="the database is being deleted"):
        await carry_out(hands, write, around=around, kube=Api("orders-0", live if change else None))
    assert hands.log == ["0 done"]


async def test_the_statefulset_waits_for_everything_before_it() -> None:
    hands = Hands()
    await carry_out(hands, new("Secret"), new("ConfigMap"), new("StatefulSet"))
    assert hands.log == [
        "begin apply Secret orders",
        "begin apply ConfigMap orders",
        "end apply Secret orders",
        "end apply ConfigMap orders",
        "begin apply StatefulSet orders",
        "end apply StatefulSet orders",
        "3 done",
    ]


REFUSALS = [Refused(403, "quota"), Refused(422, "invalid"), Unavailable(500, "failed calling webhook")]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_write_stops_only_itself(refusal: Exception) -> None:
    hands = Hands()
    refused = (new("ConfigMap"), drifted("Service"))
    for action in refused:
        hands.fails[str(action)] = refusal
    actions = (new("Secret"), new("ConfigMap"), new("StatefulSet"), drifted("Service"), RESTART)
    done = await carry_out(hands, *actions)
    assert done == [new("Secret"), new("StatefulSet"), RESTART]
    assert hands.refused == tuple((action, str(refusal)) for action in refused)


@pytest.mark.parametrize("failure", [REFUSALS[0], Unavailable(0, "no answer"), Unavailable(503, "starts")])
async def test_without_its_source_and_without_an_answer_nothing_goes_on(failure: Exception) -> None:
    hands, source = Hands(), new("Secret", "orders-keys")
    hands.fails[str(source)] = failure
    with pytest.raises(type(failure)):
        await carry_out(hands, source, new("Secret", "orders-app"))
    assert hands.log == ["begin apply Secret orders-keys", "0 done"]


@pytest.mark.parametrize("failure", [Conflict(409, "is there"), Unavailable(0, "no answer"), KilledError()])
async def test_nothing_acts_on_after_a_failure(failure: BaseException) -> None:
    hands = Hands()
    hands.fails[str(new("Secret"))] = failure
    with pytest.raises(type(failure)):
        await carry_out(hands, new("Secret"), new("ConfigMap"), new("StatefulSet"))
    assert hands.log == [
        "begin apply Secret orders",
        "begin apply ConfigMap orders",
        "end apply ConfigMap orders",
        *([] if isinstance(failure, KilledError) else ["1 done"]),
    ]


async def test_a_deletion_of_what_has_changed_meanwhile_stops_nothing() -> None:
    hands, gone = Hands(), Delete("Job", "orders-backup-1", "uid-j", "7", "no instance runs", "shop")
    hands.fails[str(gone)] = Conflict(409, "the object has been modified")
    assert await carry_out(hands, gone, drifted("ConfigMap")) == [drifted("ConfigMap")]
    assert not hands.refused
    hands.fails[str(gone)] = Refused(403, "forbidden")
    assert await carry_out(hands, gone, drifted("ConfigMap")) == [drifted("ConfigMap")]
    assert list(hands.refused) == [(gone, "forbidden")]


async def test_a_workload_without_replicas_is_changed() -> None:
    manifest = {"kind": "CronJob", "metadata": {"name": "orders"}, "spec": {"schedule": "0 2 * * *"}}
    change = Apply(manifest, "spec.schedule differs")
    around = states.observed(states.members(3), children={"CronJob": {"orders": manifest}})
    assert await carry_out(Hands(), change, around=around) == [change]


def resized(before: int, after: int) -> tuple[Apply, ObservedState]:
    live = {"StatefulSet": {"orders": states.statefulset(before)}}
    manifest = {"kind": "StatefulSet", "metadata": {"name": "orders"}, "spec": {"replicas": after}}
    return Apply(manifest, "spec.replicas differs"), states.observed(states.members(3), children=live)


@pytest.mark.parametrize(
    "action",
    [
        RESTART,
        RestartPostgres("orders-1", "192.0.2.2", "jit changed"),
        RelabelStandby("orders-1", "orders-0 holds the lock"),
        Rebuild("orders-1", "uid-1", "192.0.2.2", 1, "its WAL is gone"),
        Discard("data-orders-1", "uid-c", "orders-1", "uid-1", "given up"),
        resized(3, 1)[0],
    ],
    ids=str,
)
async def test_nobody_is_disturbed_who_may_have_become_primary_unseen(action: Action) -> None:
    hands, (_, around) = Hands(), resized(3, 1)
    with pytest.raises(Overtaken):
        await carry_out(hands, action, around=around, holder="orders-1")
    assert hands.log == ["0 done"]
    assert await carry_out(hands, action, around=around, holder="orders-0") == [action]


@pytest.mark.parametrize("action", [RESTART, Discard("data-orders-1", "uid-c", "orders-1", "uid-1", "gone")])
async def test_no_pod_is_deleted_whose_successor_would_be_refused(action: Action) -> None:
    hands, kube, (_, around) = Hands(), Api("orders-0"), resized(3, 3)
    kube.refuses = Refused(403, "create /api/v1/namespaces/shop/pods: maximum cpu usage is 1")
    assert await carry_out(hands, action, around=around, kube=kube) == []
    assert hands.refused == ((action, "maximum cpu usage is 1"),)
    assert hands.log == ["0 done"]
    kube.refuses = Conflict(409, "it exists")
    assert await carry_out(hands, action, around=around, kube=kube) == [action]


async def test_a_claim_without_a_pod_is_discarded_without_a_trial() -> None:
    action, kube = Discard("data-orders-1", "uid-c", "", "", "gone"), Api("orders-0")
    kube.refuses = Refused(403, "create pods: no")
    assert await carry_out(Hands(), action, around=resized(3, 3)[1], kube=kube) == [action]


@pytest.mark.parametrize(
    "action",
    [
        RESTART,
        RestartPostgres("orders-1", "192.0.2.2", "jit changed"),
        Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned"),
        RelabelStandby("orders-1", "orders-0 holds the lock"),
        ReleaseLock("orders-0", "orders-leader", "8", "its container has ended"),
        Rebuild("orders-1", "uid-1", "192.0.2.2", 1, "its WAL is gone"),
        Discard("data-orders-1", "uid-c", "orders-1", "uid-1", "given up"),
        resized(3, 1)[0],
    ],
    ids=str,
)
async def test_nothing_is_disturbed_while_a_pause_has_not_been_observed_yet(action: Action) -> None:
    hands, (_, around) = Hands(), resized(3, 1)
    with pytest.raises(Overtaken, match="Patroni was paused in the meantime"):
        await carry_out(hands, action, around=around, config='{"ttl": 20, "pause": true}')
    assert hands.log == ["0 done"]
    assert await carry_out(hands, action, around=around, config='{"ttl": 20}') == [action]


async def test_what_somebody_has_written_since_is_not_overwritten_and_looked_at_again() -> None:
    hands, write = Hands(), replace(drifted("ConfigMap"), version="8")
    hands.fails[str(write)] = Conflict(409, "the object has been modified")
    with pytest.raises(Overtaken, match="apply ConfigMap orders: somebody else has written it"):
        await carry_out(hands, write, RESTART)
    assert hands.log == ["begin apply ConfigMap orders", "0 done"]


async def test_a_dead_primarys_lock_is_not_read_again_since_its_version_is_the_condition() -> None:
    release = ReleaseLock("orders-0", "orders-leader", "8", "its container has ended")
    hands, kube, (_, around) = Hands(), Api("orders-1"), resized(3, 3)
    assert await carry_out(hands, release, around=around, kube=kube) == [release]
    hands.fails[str(release)] = Conflict(409, "the object has been modified")
    with pytest.raises(Overtaken, match="somebody else has written it"):
        await carry_out(hands, release, around=around, kube=kube)


@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 5)])
async def test_pods_that_stay_are_not_disturbed(before: int, after: int) -> None:
    action, around = resized(before, after)
    assert await carry_out(Hands(), action, around=around, holder="orders-1") == [action]


async def test_a_pod_that_may_not_be_deleted_stops_what_comes_after_it() -> None:
    hands = Hands()
    hands.fails[str(RESTART)] = Refused(403, "not yours")
    with pytest.raises(Refused):
        await carry_out(hands, RESTART, drifted("Service"))
    assert hands.log == ["begin restart pod orders-1", "0 done"]
