"""Databases and roles as a component of the plan: it has no children, only statements."""

from __future__ import annotations

from typing import Final

from controller.desired import names
from controller.desired.access import left_over
from controller.observe.ownership import foreign
from controller.plan import rotation
from controller.plan.access.looks import REFUSED_AFTER, UNREACHABLE_AFTER, declared
from controller.plan.access.steps import Todo, refusals, todo
from controller.plan.actions import Delete, Execute
from controller.plan.component import Component
from controller.plan.outcome import Stalled, Waiting
from controller.plan.situation import Situation
from schemas.verdict import listed

COMPONENT: Final = "access"
_MOST: Final = 3


def _todo(situation: Situation) -> Todo:
    return todo(situation.db, situation.observed.access)


def _upkeep(situation: Situation) -> list[Delete | Execute]:
    return [*_left_over(situation), *_statements(situation)]


def _statements(situation: Situation) -> list[Execute]:
    primary, found = situation.observed.known_primary, situation.once(_todo)
    if primary is None:
        return []
    metadata = situation.db.metadata
    host = names.pod_host(metadata.name, metadata.namespace, primary.ordinal)
    return [
        Execute(database, steps, primary.ip, host, listed([str(step.statement) for step in steps], _MOST))
        for database, steps in found.by_database(situation.observed.held)
    ]


def _left_over(situation: Situation) -> list[Delete]:
    """Delete the Secrets of roles that are not declared any more."""
    live = situation.observed.children.get("Secret", {})
    found = [live[name] for name in left_over(situation.db) if name in live]
    return [
        Delete(
            "Secret",
            secret["metadata"]["name"],
            secret["metadata"]["uid"],
            secret["metadata"]["resourceVersion"],
            "its role is not declared any more",
            secret["metadata"]["namespace"],
        )
        for secret in found
        if not foreign(situation.db, secret)
    ]


def _under_way(situation: Situation) -> Waiting | Stalled | None:
    """Wait until all is as declared; what the server refuses is a person's to solve."""
    observed, db = situation.observed, situation.db
    if not declared(db) or db.spec.hibernated:
        return None
    found = situation.once(_todo)
    if why := refusals(found, observed):
        words = listed([f"{entry.list}.{entry.name}: {each}" for entry, each in why.items()], _MOST)
        return Stalled("ProvisioningFailed", words, after=REFUSED_AFTER.total_seconds())
    if observed.unprovisioned:
        seconds = UNREACHABLE_AFTER.total_seconds()
        return Waiting(seconds, "PrimaryUnreachable", observed.unprovisioned)
    if found.steps:
        return Waiting(1, "Provisioning", listed([str(step.statement) for step in found.steps], _MOST))
    if observed.waiting or found.waits:
        words = listed([*(found.waits or observed.waiting).values()], _MOST)
        return Waiting(UNREACHABLE_AFTER.total_seconds(), "Provisioning", words)
    return None


def _rotation(situation: Situation) -> float | None:
    db, seen = situation.db, situation.observed.seen
    return rotation.sleep(db, seen) if seen and not db.spec.hibernated else None


ACCESS: Final = Component(
    COMPONENT, children=lambda _: (), upkeep=_upkeep, steps=(_under_way,), again=_rotation
)
