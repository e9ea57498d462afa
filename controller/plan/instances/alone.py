"""How many instances there are while data is restored, and what becomes of Patroni's notes."""

from __future__ import annotations

from dataclasses import replace

from controller.desired import names
from controller.observe.identity import identifier
from controller.observe.state import ObservedState
from controller.plan.actions import Identify, Remedy, Uninitialize
from controller.plan.instances.scaling import Scale, scale
from controller.plan.restore.component import restoring
from controller.plan.restore.in_place import Stage, in_place
from controller.plan.situation import Situation


def alone(situation: Situation, usual: Scale) -> Scale:
    """Return the number of instances; `usual` is what it is without any restore.

    What the first has restored, the others copy. In place, it first has to be the primary and the only one:
    its data is then what stays, and has every commit.
    """
    found, observed = in_place(situation), situation.observed
    if restoring(situation) or found.stage == Stage.STARTING:
        return replace(usual, instances=min(usual.instances, 1), switchover=None, waiting=None)
    if found.stage not in (Stage.STOPPING, Stage.STOPPED):
        return usual
    nobody = Scale(0, usual.remembered)
    current = int(observed.statefulset["spec"]["replicas"]) if observed.statefulset else 0
    if current == 0:
        return nobody
    if current > 1:
        return replace(scale(situation.db, 1, observed), remembered=usual.remembered)
    leads = observed.known_primary is not None and observed.known_primary.ordinal == 0
    only = [i.name for i in observed.instances] == [names.pod(situation.name, 0)]
    return nobody if only and leads else Scale(1, usual.remembered)


def patroni_state(situation: Situation) -> list[Remedy]:
    """Return what is to be done about Patroni's notes: those that were lost come back, or all go."""
    found, name = in_place(situation), situation.name
    if found.stage == Stage.STOPPED:
        state = (
            (names.config(name), ("initialize", "history")),
            (names.lock(name), ("leader", "optime", "slots", "retain_slots")),
            (names.sync(name), ("leader", "sync_standby", "quorum")),
        )
        return [Uninitialize(state, f"the database is restored to {found.to}")]
    return [] if found.holds else [*identification(situation.observed, name)]


def identification(observed: ObservedState, name: str) -> list[Identify]:
    """Return the action that gives Patroni the system identifier back when NAME-config has lost it.

    Without it, an instance without data may run initdb, and those with data then refuse to join (Patroni 4.1,
    ha.py, bootstrap and _run_cycle).
    """
    known = identifier(observed)
    if not known or observed.leadership.identifier or not observed.claims:
        return []
    return [Identify(names.config(name), known, "Patroni no longer knows which database this is")]
