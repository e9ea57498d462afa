"""What the instances still wait for, when nothing is left to be done about them."""

from __future__ import annotations

from msgspec import UNSET

from controller.observe.state import ObservedState
from controller.plan.actions import TriggerLoop
from controller.plan.instances.discard import way_out
from controller.plan.instances.ending import ending
from controller.plan.instances.rebuild import told_of_copies
from controller.plan.outcome import Done, Outcome, Waiting
from controller.plan.volumes import growing
from schemas.api.types import PostgreSQLDatabase


def hibernated(instances: int, observed: ObservedState) -> Outcome | None:
    """Return Done when there are to be no instances, and the last one has gone."""
    if instances:
        return None
    if observed.instances:
        return Waiting(30, "Hibernating", ending(observed.instances, observed))
    return Done("Hibernated", "No pods; the volumes are kept")


def arrival(db: PostgreSQLDatabase, observed: ObservedState, expected: int) -> Outcome | None:
    """Return what the instances wait for; None when all are fit, and no volume grows."""
    troubled = [(i.name, i.trouble) for i in observed.instances if i.trouble and not i.ready]
    for name, trouble in troubled:
        hint = way_out(name, trouble.message, observed) if trouble.reason == "Unschedulable" else ""
        return Waiting(30, trouble.reason, f"{name}: {trouble.message}{hint}")
    if observed.known_primary is None:
        reason = "Creating" if db.status.current_version is UNSET else "NoPrimary"
        return Waiting(30, reason, _without_primary(observed))
    fit = sum(instance.fit for instance in observed.instances)
    serving = f"{fit} of {expected} instances serve"
    if fit == expected == len(observed.instances):
        return growing(db, observed)
    if len(observed.instances) > expected:
        surplus = [instance for instance in observed.instances if instance.ordinal >= expected]
        return Waiting(30, "InstancesEnding", f"{serving}; {ending(surplus or observed.instances, observed)}")
    return Waiting(30, _shortfall(observed), f"{serving}{told_of_copies(observed)}")


def joining(triggers: list[TriggerLoop]) -> Waiting | None:
    """Wait for standbys that are not synchronous yet: for `loop_wait` after a failover Patroni adds none."""
    return Waiting(2, "StandbysCatchingUp", triggers[0].reason) if triggers else None


def _without_primary(observed: ObservedState) -> str:
    lost = observed.primary
    if lost is None:
        return "no instance accepts writes yet"
    return f"the node of the primary, {lost.node}, is not Ready, and no other instance was promoted"


def _shortfall(observed: ObservedState) -> str:
    # A running server that is not fit does not stream yet; any other is still starting.
    behind = any(i.state == "running" and not i.fit and not i.deleting for i in observed.instances)
    return "StandbysCatchingUp" if behind else "InstancesStarting"
