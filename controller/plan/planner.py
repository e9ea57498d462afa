"""What to do next: one pure function of the database, the observed state and the policy's image.

Idempotent work (children, claims) is planned in every reconcile that finds it necessary. Disruptive work is
planned one action at a time, and only when nothing else is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeAlias

from controller.desired.labels import component_of
from controller.kube.kinds import WORKLOADS
from controller.kube.objects import Manifest
from controller.observe.drift import drift, stamp
from controller.observe.ownership import foreign
from controller.observe.state import ObservedState
from controller.plan.access.component import ACCESS
from controller.plan.actions import Action, Apply, Disruption, ReleaseLock, Remedy, SetFinalizers, doing
from controller.plan.backups import BACKUPS
from controller.plan.component import Component, owned_by_other
from controller.plan.instances.component import INSTANCES
from controller.plan.instances.creation import soon
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.repository import REPOSITORY_COMPONENT
from controller.plan.restore.component import RESTORE
from controller.plan.situation import Intent, Situation
from schemas.api import metadata
from schemas.api.types import PostgreSQLDatabase

COMPONENTS: Final[tuple[Component, ...]] = (INSTANCES, REPOSITORY_COMPONENT, RESTORE, BACKUPS, ACCESS)
"""In the order in which they are asked."""

FINALIZER: Final = metadata.DELETION

_Identity: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one reconcile does, and the state of the database meanwhile."""

    actions: tuple[Action, ...]
    outcome: Outcome
    begins: bool = False
    """Whether it makes the instances' StatefulSet, and so the database."""

    @property
    def absent(self) -> list[Manifest]:
        """The children that it creates."""
        return [write.manifest for write in self.actions if isinstance(write, Apply) and write.absent]


def plan(intent: Intent, observed: ObservedState, components: tuple[Component, ...] = COMPONENTS) -> Plan:
    """Compare declared and observed state; the first problem that a person must solve ends the plan."""
    situation = Situation(intent, observed)
    for component in components:
        if obstacle := component.obstacle(situation):
            return Plan((), obstacle)
    desired = [*intent.secrets, *chain.from_iterable(each.children(situation) for each in components)]
    others = _foreign_children(intent.db, desired, observed)
    taken = owned_by_other("; ".join(others.values()))
    if others and observed.statefulset is None:
        # Nothing is written before all names are known to be free.
        return Plan((), taken)
    ours = [manifest for manifest in desired if _identity(manifest) not in others]
    chosen = _plan(situation, components, ours)
    outcome = taken if others and isinstance(chosen.outcome, Done) else chosen.outcome
    return replace(chosen, outcome=soon(outcome, observed))


def _plan(situation: Situation, components: tuple[Component, ...], desired: Iterable[Manifest]) -> Plan:
    """Plan with the children that are ours, or that do not exist yet."""

    def ask(question: Callable[[Component], Callable[[Situation], Iterable[Action]]]) -> list[Action]:
        return [action for component in components for action in question(component)(situation)]

    observed = situation.observed
    due = [action for manifest in desired if (action := _write(stamp(manifest), observed))]
    writes = [write for write in due if write not in situation.intent.held]
    pods = [write for write in writes if write.manifest["kind"] in WORKLOADS]
    idempotent = (
        *_finalizer(situation.db),
        *(write for write in writes if write not in pods),
        *ask(lambda component: component.preparations),
        *pods,
        *ask(lambda component: component.upkeep),
    )
    begins = observed.statefulset is None and bool(pods)
    remedies = [remedy for component in components for remedy in component.remedies(situation)]
    if remedies:
        return Plan((*remedies, *idempotent), _remedied(remedies), begins)
    if any(_awaited(write, components) for write in writes):
        return Plan(
            idempotent,
            Waiting(5, "Reconciling", "written to the cluster; waiting for it to take effect"),
            begins,
        )
    step = _next(situation, components)
    if isinstance(step, Done | Waiting | Stalled):
        return Plan(idempotent, step, begins)
    return Plan((*idempotent, step), Waiting(5, doing(step), f"{step}: {step.reason}"), begins)


def _awaited(write: Apply, components: Iterable[Component]) -> bool:
    """Whether others must process a write before anything is disrupted."""
    of, kind = component_of(write.manifest), write.manifest["kind"]
    return any(component.name == of and kind in component.awaited for component in components)


def _remedied(remedies: Iterable[Remedy]) -> Waiting:
    message = "; ".join(f"{action}: {action.reason}" for action in remedies)
    # A planned switchover leaves a wrong label behind, too.
    lost = any(isinstance(action, ReleaseLock) for action in remedies)
    return Waiting(2, "FailingOver" if lost else "SwitchingOver", message)


def _next(situation: Situation, components: Iterable[Component]) -> Disruption | Outcome:
    """Return the one disruptive action of this reconcile, or the outcome when there is none."""
    asked = tuple(components)
    answers = (step(situation) for component in asked for step in component.steps)
    if (answer := next((each for each in answers if each is not None), None)) is not None:
        return answer
    due = (component.again(situation) for component in asked)
    return Done(after=min((each for each in due if each is not None), default=None))


def _identity(manifest: Manifest) -> _Identity:
    return manifest["kind"], manifest["metadata"]["name"]


def _foreign_children(
    db: PostgreSQLDatabase, desired: Iterable[Manifest], observed: ObservedState
) -> dict[_Identity, str]:
    """Return which children belong to somebody else, each with the words for it."""
    wanted = list(map(_identity, desired))
    # Patroni creates its other ConfigMaps itself, and only those are among the children.
    made = [("ConfigMap", name) for name in observed.children.get("ConfigMap", {})]
    live = {(kind, name): observed.children.get(kind, {}).get(name) for kind, name in (*wanted, *made)}
    return {each: words for each, manifest in live.items() if manifest and (words := foreign(db, manifest))}


def _finalizer(db: PostgreSQLDatabase) -> list[Action]:
    """Return the finalizer's change: only deletionPolicy Delete needs one."""
    wanted, present = db.spec.deletion_policy == "Delete", FINALIZER in db.metadata.finalizers
    if wanted == present:
        return []
    others = tuple(f for f in db.metadata.finalizers if f != FINALIZER)
    reason = f"deletionPolicy {db.spec.deletion_policy}"
    return [SetFinalizers((*others, FINALIZER) if wanted else others, reason)]


def _write(manifest: Manifest, observed: ObservedState) -> Apply | None:
    kind, name = _identity(manifest)
    live = observed.children.get(kind, {}).get(name)
    if live is None:
        return Apply(manifest, "missing", absent=True)
    changed = drift(manifest, live)
    # Patroni and its users write NAME-config too: what they wrote since, such as a pause, must survive.
    version = live["metadata"].get("resourceVersion") if kind == "ConfigMap" else None
    return Apply(manifest, f"{changed} differs", version=version) if changed else None
