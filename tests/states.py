"""Worlds for plans: made in one place, and a small simulation that carries actions out in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

from controller.kube.objects import Manifest
from controller.observe.instances.instance import Instance
from controller.observe.state import Claim, Leadership, ObservedState
from controller.plan.actions import (
    Action,
    Apply,
    Delete,
    DeletePod,
    Discard,
    Disruption,
    EndTries,
    Execute,
    GrowClaim,
    Identify,
    KeepClaim,
    Rebuild,
    RelabelStandby,
    ReleaseLock,
    Reload,
    RestartPostgres,
    RetryPods,
    SetFinalizers,
    Switchover,
    TriggerLoop,
    Uninitialize,
)
from controller.plan.planner import plan
from controller.plan.situation import Intent
from schemas.api.types import PostgreSQLDatabase
from tests.factory import typed_database

OLD, NEW = "orders-old", "orders-new"


def intent(db: PostgreSQLDatabase | None = None, **spec: Any) -> Intent:  # noqa: ANN401
    """Give an intent without Secrets, which have tests of their own."""
    whole = db or typed_database(**spec)
    return Intent(
        db=whole,
        image="keddah.dev/keddah-postgres:17.6",
        secrets=(),
        operator_namespace="keddah-system",
        accepted="{}",
    )


def pod(ordinal: int, role: str = "standby", **changes: Any) -> Instance:  # noqa: ANN401
    """Give an instance that serves and follows, unless told otherwise."""
    instance = Instance(
        name=f"orders-{ordinal}",
        uid=f"uid-{ordinal}",
        ordinal=ordinal,
        ip=f"192.0.2.{ordinal + 1}",
        node=f"node-{ordinal}",
        revision=NEW,
        deleting=False,
        ready=True,
        role="primary" if role == "primary" else "standby",
        state="running",
        streaming=role != "primary",
        position=1000,
        pending_restart=None,
        start_id=f"start-{ordinal}",
        ended="",
        shares_processes=False,
        trouble=None,
    )
    return replace(instance, **changes)


def claim(ordinal: int, **changes: Any) -> Claim:  # noqa: ANN401
    """Give a bound claim of 10Gi."""
    name = f"data-orders-{ordinal}"
    whole = Claim(name, f"uid-{name}", ordinal, "10Gi", "10Gi", bound=True, storage_class="fast")
    return replace(whole, **changes)


def members(count: int, primary: int = 0) -> tuple[Instance, ...]:
    """Give so many healthy instances."""
    return tuple(pod(n, "primary" if n == primary else "standby") for n in range(count))


def observed(instances: tuple[Instance, ...] = (), **changes: Any) -> ObservedState:  # noqa: ANN401
    """Give a state around these instances, with the lock where the primary is, and no children yet."""
    holder = next((i.name for i in instances if i.role == "primary"), None)
    standbys = frozenset(i.name for i in instances if i.role == "standby")
    lead = Leadership(holder, standbys, initialized=bool(instances))
    whole = ObservedState(
        instances=instances, claims=tuple(claim(i.ordinal) for i in instances), leadership=lead
    )
    return replace(whole, **changes)


def rolling(*instances: Instance, seen: bool = True, **changes: object) -> ObservedState:
    """Give an observed state whose StatefulSet has the newest template, as its controller has seen or not."""
    statefulset = {
        "metadata": {"generation": 2},
        "status": {"observedGeneration": 2 if seen else 1, "updateRevision": NEW},
    }
    return replace(observed(instances, **changes), children={"StatefulSet": {"orders": statefulset}})


def statefulset(replicas: int = 3, **metadata: object) -> Manifest:
    """Give a StatefulSet of `orders` as the API server has it, as far as its pods follow from it."""
    template = {
        "metadata": {"labels": {"keddah.dev/database": "orders"}, "annotations": {"of": "the template"}},
        "spec": {
            "containers": [{"name": "postgres", "image": "keddah.dev/keddah-postgres:17.6"}],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "orders", "namespace": "shop", "uid": "uid-set", **metadata},
        "spec": {
            "replicas": replicas,
            "serviceName": "orders-pods",
            "template": template,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        },
    }


def settled(wish: Intent, around: ObservedState) -> ObservedState:
    """Give the observed state in which every child is as the intent has it."""
    for _ in range(5):
        chosen = plan(wish, around)
        writes = [action for action in chosen.actions if isinstance(action, Apply)]
        if not writes:
            return around
        for action in writes:
            around = carry_out(around, action)
    raise AssertionError("the children do not settle")


def carry_out(around: ObservedState, action: Action) -> ObservedState:
    """Give the observed state after one action; pods come back at once, with the newest template."""
    match action:
        case Apply(manifest=manifest):
            return _applied(around, manifest)
        case DeletePod() | RestartPostgres() | Switchover() | Rebuild() | Discard():
            return _disturbed(around, action)
        case RelabelStandby(pod=name):
            return _changed(around, name, role="standby")
        case ReleaseLock() | Identify():
            change: dict[str, Any] = (
                {"identifier": action.identifier} if isinstance(action, Identify) else {"holder": None}
            )
            return replace(around, leadership=replace(around.leadership, **change))
        case Uninitialize():
            empty = replace(around.leadership, identifier="", holder=None, last_primary=None)
            return replace(around, leadership=empty)
        case Delete() | EndTries() | SetFinalizers() | Reload() | TriggerLoop() | RetryPods() | Execute():
            return around
        case GrowClaim() | KeepClaim():
            return around
        case _:
            assert_never(action)


def _disturbed(around: ObservedState, action: Disruption) -> ObservedState:
    match action:
        case DeletePod(name=name):
            return _restarted(around, name)
        case RestartPostgres(pod=name):
            return _changed(around, name, pending_restart=None)
        case Switchover(leader=leader, candidate=candidate):
            return _switched(around, leader, candidate)
        case Discard(pod=name):
            return _restarted(around, name)
        case Rebuild(pod=name, number=number):
            return _changed(around, name, streaming=True, ready=True, state="running", rebuilds=number)
        case _:
            assert_never(action)


def _applied(around: ObservedState, manifest: Manifest) -> ObservedState:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    identity = {"uid": f"uid-{kind}-{name}", "resourceVersion": "7", "generation": 1}
    live = {**manifest, "metadata": {**manifest["metadata"], **identity}}
    if kind == "StatefulSet":
        live["status"] = {"observedGeneration": 1, "updateRevision": NEW}
    children = {k: dict(v) for k, v in around.children.items()}
    children.setdefault(kind, {})[name] = live
    moved = replace(around, children=children)
    return _scaled(moved, manifest["spec"]["replicas"]) if kind == "StatefulSet" else moved


def _scaled(around: ObservedState, count: int) -> ObservedState:
    kept = tuple(i for i in around.instances if i.ordinal < count)
    primary = around.leadership.holder is None and count > 0
    added = tuple(pod(n, "primary" if primary and n == 0 else "standby") for n in range(len(kept), count))
    instances = (*kept, *added)
    holder = next((i.name for i in instances if i.role == "primary"), None)
    claims = {c.ordinal: c for c in around.claims} | {i.ordinal: claim(i.ordinal) for i in added}
    standbys = frozenset(i.name for i in instances if i.role == "standby")
    lead = Leadership(holder, standbys, initialized=around.leadership.initialized or bool(instances))
    return replace(around, instances=instances, claims=tuple(claims.values()), leadership=lead)


def _changed(around: ObservedState, name: str, **changes: Any) -> ObservedState:  # noqa: ANN401
    instances = tuple(replace(i, **changes) if i.name == name else i for i in around.instances)
    return replace(around, instances=instances)


def _restarted(around: ObservedState, name: str) -> ObservedState:
    return _changed(around, name, revision=NEW, pending_restart=None, trouble=None, ready=True)


def _switched(around: ObservedState, leader: str, named: str | None) -> ObservedState:
    candidate = named or next(i.name for i in around.instances if i.fit and i.name != leader)
    moved = _changed(around, leader, role="standby", streaming=True)
    moved = _changed(moved, candidate, role="primary", streaming=False)
    standbys = frozenset(i.name for i in moved.instances if i.role == "standby")
    return replace(moved, leadership=replace(moved.leadership, holder=candidate, synchronous=standbys))
