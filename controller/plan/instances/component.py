"""The instances as a component of the plan: the order in which everything about them is asked."""

from __future__ import annotations

from typing import Final, TypeAlias

from controller.desired import instances as desired
from controller.desired import names
from controller.desired.instances.patroni import has_issuer
from controller.desired.labels import INSTANCE
from controller.kube.objects import Manifest
from controller.observe.identity import IDENTIFIER, identifier
from controller.observe.instances.asked import REQUESTS, written
from controller.observe.ownership import foreign
from controller.plan import acceptance, holdings, issued
from controller.plan.actions import Action, Disruption, Remedy, TriggerLoop
from controller.plan.component import Component, Step, owned_by_other
from controller.plan.credentials import lost_passwords, reloads
from controller.plan.holdings import other_data
from controller.plan.instances.alone import alone, patroni_state
from controller.plan.instances.arrival import arrival, hibernated, joining, too_little
from controller.plan.instances.asked import due, noted, paused, switchover
from controller.plan.instances.asked import reloads as asked_reloads
from controller.plan.instances.creation import not_created, retries
from controller.plan.instances.discard import discard, kept
from controller.plan.instances.failover import evacuation, loop_triggers, remedy
from controller.plan.instances.fallback import in_force, remember, rolled_back, wanted
from controller.plan.instances.patroni_labels import labels_lost
from controller.plan.instances.rebuild import rebuild
from controller.plan.instances.rollout import mismatch, restarting, rollout, unexpected
from controller.plan.instances.scaling import INSTANCES as NUMBER
from controller.plan.instances.scaling import Scale, declared_instances, scale
from controller.plan.instances.templates import certified, patroni_file
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.restore.component import refused, replacing, under_way
from controller.plan.restore.in_place import in_place, note
from controller.plan.situation import Situation
from controller.plan.volumes import cannot_grow, full, members, missing_class, smallest, upkeep

_Answer: TypeAlias = Disruption | Outcome | None

_PAUSED: Final = "Patroni is paused: nobody fails over, and nothing is restarted, until it is resumed"


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
        paused=paused(situation),
        template=in_force(situation),
        file=patroni_file(template, situation.name, observed),
        issued=has_issuer(situation.db) and issued.everywhere(observed, in_force(situation)),
        certified=certified(situation.name, observed),
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
    if asked := noted(situation):
        notes[REQUESTS] = written(asked)
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


def _preparations(situation: Situation) -> list[Action]:
    return [
        *patroni_state(situation),
        *labels_lost(situation.observed, situation.db),
        *asked_reloads(situation),
    ]


def _upkeep(situation: Situation) -> list[Action]:
    observed = situation.observed
    return [
        *upkeep(situation.db, observed),
        *reloads(observed, situation.name),
        *_triggers(situation),
        *retries(observed, situation.name),
        *issued.given_up(situation.db, observed),
    ]


def _paused(situation: Situation) -> _Answer:
    if not situation.observed.leadership.paused:
        return None
    return Waiting(30, "Paused", _PAUSED)


def _switchover(situation: Situation) -> _Answer:
    return _scaled(situation).switchover


def _scaling(situation: Situation) -> _Answer:
    waiting = _scaled(situation).waiting
    return waiting and (not_created(situation.observed) or waiting)


def _missing_class(situation: Situation) -> _Answer:
    return missing_class(situation.db, situation.observed)


def _hibernated(situation: Situation) -> _Answer:
    return hibernated(_scaled(situation).instances, situation.observed)


def _evacuation(situation: Situation) -> _Answer:
    return evacuation(situation.observed)


def _restarting(situation: Situation) -> _Answer:
    return restarting(situation.observed)


def _discard(situation: Situation) -> _Answer:
    return discard(situation.observed)


def _rebuild(situation: Situation) -> _Answer:
    return rebuild(situation.observed)


def _full(situation: Situation) -> _Answer:
    return full(situation.db, situation.observed)


def _lost_passwords(situation: Situation) -> _Answer:
    return lost_passwords(situation.db, situation.observed)


def _not_created(situation: Situation) -> _Answer:
    return not_created(situation.observed)


def _unexpected(situation: Situation) -> _Answer:
    return unexpected(situation.intent, situation.observed)


def _rollout(situation: Situation) -> _Answer:
    return rollout(situation.observed, _scaled(situation).instances, due(situation))


def _cannot_grow(situation: Situation) -> _Answer:
    return cannot_grow(situation.db, situation.observed)


def _mismatch(situation: Situation) -> _Answer:
    return mismatch(situation.intent, situation.observed)


def _kept(situation: Situation) -> _Answer:
    return kept(situation.observed)


def _arrival(situation: Situation) -> _Answer:
    return arrival(situation.db, situation.observed, _scaled(situation).instances)


def _joining(situation: Situation) -> _Answer:
    return joining(_triggers(situation))


def _too_little(situation: Situation) -> _Answer:
    return too_little(situation.db, situation.observed)


def _pending(situation: Situation) -> _Answer:
    return issued.pending(situation.intent.uncertified)


def _of_the_newest(step: Step) -> Step:
    """Return a step that is about pods of the newest template, and none while they are refused."""
    return lambda situation: None if rolled_back(situation) else step(situation)


STEPS: Final[tuple[Step, ...]] = (
    _paused,
    _switchover,
    _scaling,
    replacing,
    _missing_class,
    _hibernated,
    _evacuation,
    _restarting,
    switchover,
    _discard,
    _rebuild,
    # Whatever is restarted now may not come up.
    _full,
    _lost_passwords,
    _not_created,
    _of_the_newest(_unexpected),
    _of_the_newest(_rollout),
    _cannot_grow,
    _of_the_newest(_mismatch),
    _kept,
    under_way,
    _arrival,
    _joining,
    refused,
    rolled_back,
    _too_little,
    _pending,
)

INSTANCES: Final = Component(
    INSTANCE,
    children=_children,
    obstacle=_obstacle,
    remedies=_remedies,
    preparations=_preparations,
    upkeep=_upkeep,
    # The StatefulSet controller then says which pods are outdated, and Patroni which servers need a restart.
    awaited=frozenset({"ConfigMap", "StatefulSet"}),
    steps=STEPS,
)
