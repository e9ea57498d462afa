"""The instances as a component of the plan: the order in which everything about them is asked."""

from __future__ import annotations

from typing import Final

from controller.desired import instances as desired
from controller.desired import names
from controller.desired.labels import INSTANCE
from controller.kube.objects import Manifest
from controller.observe.identity import IDENTIFIER, identifier
from controller.observe.ownership import foreign
from controller.plan import acceptance, holdings
from controller.plan.actions import Action, Remedy, TriggerLoop
from controller.plan.component import Component, Step, owned_by_other
from controller.plan.credentials import lost_passwords, reloads
from controller.plan.holdings import other_data
from controller.plan.instances.alone import alone, patroni_state
from controller.plan.instances.arrival import arrival, hibernated, joining, too_little
from controller.plan.instances.creation import not_created, retries
from controller.plan.instances.discard import discard, kept
from controller.plan.instances.failover import evacuation, loop_triggers, remedy
from controller.plan.instances.fallback import in_force, remember, rolled_back, wanted
from controller.plan.instances.rebuild import rebuild
from controller.plan.instances.rollout import mismatch, restarting, rollout, unexpected
from controller.plan.instances.scaling import INSTANCES as NUMBER
from controller.plan.instances.scaling import Scale, declared_instances, scale
from controller.plan.instances.templates import patroni_file
from controller.plan.outcome import Stalled, Waiting
from controller.plan.restore.component import refused, replacing, under_way
from controller.plan.restore.in_place import in_place, note
from controller.plan.situation import Situation
from controller.plan.volumes import cannot_grow, full, members, missing_class, smallest, upkeep


def _scale(situation: Situation) -> Scale:
    return alone(situation, scale(situation.db, declared_instances(situation.db), situation.observed))


def _scaled(situation: Situation) -> Scale:
    return situation.once(_scale)


def _loop_triggers(situation: Situation) -> list[TriggerLoop]:
    return loop_triggers(situation.observed)


def _triggers(situation: Situation) -> list[TriggerLoop]:
    return situation.once(_loop_triggers)


def _children(situation: Situation) -> list[Manifest]:
    observed, scaled = situation.observed, _scaled(situation)
    template = wanted(situation)
    manifests = desired.children(
        situation.db,
        situation.intent.image,
        instances=scaled.instances,
        operator_namespace=situation.intent.operator_namespace,
        claim_template=_claim_template(situation),
        volume=smallest(observed),
        members=members(observed),
        maximum=situation.intent.maximum,
        paused=observed.leadership.paused,
        template=in_force(situation),
        file=patroni_file(template, situation.name, observed),
    )
    return [_noted(manifest, situation, scaled, template) for manifest in manifests]


def _noted(manifest: Manifest, situation: Situation, scaled: Scale, template: Manifest) -> Manifest:
    """Return a child with what is remembered on it."""
    match manifest["kind"], manifest["metadata"]["name"]:
        case "StatefulSet", _:
            return _remember(manifest, situation, scaled)
        case "ConfigMap", name if name == names.config(situation.name):
            held = holdings.noted(manifest, situation.db, situation.observed)
            accepted = acceptance.noted(held, situation.db, situation.intent.accepted, template)
            return remember(accepted, situation)
        case _:
            return manifest


def _remember(statefulset: Manifest, situation: Situation, scaled: Scale) -> Manifest:
    metadata = statefulset["metadata"]
    notes = {NUMBER: str(scaled.remembered), acceptance.ACCEPTED: situation.intent.accepted}
    if known := identifier(situation.observed):
        notes[IDENTIFIER] = known
    notes |= note(in_place(situation), situation.observed, situation.name)
    annotations = {**metadata.get("annotations", {}), **notes}
    return {**statefulset, "metadata": {**metadata, "annotations": annotations}}


def _claim_template(situation: Situation) -> Manifest | None:
    """Return the StatefulSet's claim template, which is immutable."""
    live = situation.observed.statefulset
    if live is None:
        return None
    template: Manifest = live["spec"]["volumeClaimTemplates"][0]
    return template


def _obstacle(situation: Situation) -> Stalled | None:
    # Everything else reads the StatefulSet as one of ours.
    live = situation.observed.statefulset
    theirs = foreign(situation.db, live) if live else None
    if theirs:
        return owned_by_other(theirs)
    return other_data(situation.db, situation.observed)


def _remedies(situation: Situation) -> list[Remedy]:
    return [*remedy(situation.observed, situation.name)]


def _upkeep(situation: Situation) -> list[Action]:
    observed = situation.observed
    return [
        *upkeep(situation.db, observed),
        *reloads(observed, situation.name),
        *_triggers(situation),
        *retries(observed, situation.name),
    ]


def _paused(situation: Situation) -> Waiting | None:
    if not situation.observed.leadership.paused:
        return None
    return Waiting(30, "Paused", "Patroni is paused: nothing is restarted or moved until `patronictl resume`")


def _of_the_newest(step: Step) -> Step:
    """Return a step that is about pods of the newest template, and none while they are refused."""
    return lambda situation: None if rolled_back(situation) else step(situation)


STEPS: Final[tuple[Step, ...]] = (
    _paused,
    lambda s: _scaled(s).switchover,
    lambda s: _scaled(s).waiting and (not_created(s.observed) or _scaled(s).waiting),
    replacing,
    lambda s: missing_class(s.db, s.observed),
    lambda s: hibernated(_scaled(s).instances, s.observed),
    lambda s: evacuation(s.observed),
    lambda s: restarting(s.observed),
    lambda s: discard(s.observed),
    lambda s: rebuild(s.observed),
    # Whatever is restarted now may not come up.
    lambda s: full(s.db, s.observed),
    lambda s: lost_passwords(s.db, s.observed),
    lambda s: not_created(s.observed),
    _of_the_newest(lambda s: unexpected(s.intent, s.observed)),
    _of_the_newest(lambda s: rollout(s.observed, _scaled(s).instances)),
    lambda s: cannot_grow(s.db, s.observed),
    _of_the_newest(lambda s: mismatch(s.intent, s.observed)),
    lambda s: kept(s.observed),
    under_way,
    lambda s: arrival(s.db, s.observed, _scaled(s).instances),
    lambda s: joining(_triggers(s)),
    refused,
    rolled_back,
    lambda s: too_little(s.db, s.observed),
)

INSTANCES: Final = Component(
    INSTANCE,
    children=_children,
    obstacle=_obstacle,
    remedies=_remedies,
    preparations=patroni_state,
    upkeep=_upkeep,
    # The StatefulSet controller then says which pods are outdated, and Patroni which servers need a restart.
    awaited=frozenset({"ConfigMap", "StatefulSet"}),
    steps=STEPS,
)
