"""The restore as a component of the plan: what is there while it goes on, and is removed when it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec import UNSET

from controller.desired import labels, names
from controller.desired.restore import COMPONENT, requested
from controller.desired.restore.request import config_map, of_bucket, of_database, of_itself
from controller.desired.restore.server import network_policy, pods, server
from controller.kube.objects import Manifest
from controller.observe.instances.instance import Instance
from controller.observe.restore.past import past
from controller.observe.restore.source import Source
from controller.plan.actions import Delete
from controller.plan.component import Component
from controller.plan.outcome import Stalled, Waiting
from controller.plan.restore.in_place import RESTORE_TO, STAGE, InPlace, Stage, in_place
from controller.plan.restore.refusal import (
    reaches,
    refusal,
    settings,
    target_time,
    unserved,
)
from controller.plan.situation import Situation
from controller.protocol.results import Result
from controller.protocol.settings import FINAL, REQUEST, RestoreRequest, S3Repository
from schemas.api.backup import Restore
from schemas.rules.requests import FORMER

_OVER: Final = "the database is restored"
_NOT_AGAIN: Final = "; it is not tried again: remove the annotation, and set it anew if it is still wanted"
_AGAIN_SECONDS: Final = 60.0
"""Whatever else is to be told of the database is asked for after this."""


def restoring(situation: Situation) -> bool:
    """Whether the database still has to get its first data from another's backups.

    Its only instance does that; the others copy it when it is primary.
    """
    first = requested(situation.db) and not situation.observed.leadership.identifier
    return first and not in_place(situation).holds


def replacing(situation: Situation) -> Stalled | Waiting | None:
    """Report a restore in place that has begun, or why it is refused."""
    found = in_place(situation)
    match found.stage:
        case Stage.REFUSED:
            return None
        case Stage.ASKED | Stage.STOPPING | Stage.STOPPED:
            return Waiting(2, "Restoring", f"to {found.to}: the instances are being stopped")
        case Stage.STARTING:
            return under_way(situation) or Waiting(
                5, "Restoring", f"to {found.to}: the first instance starts"
            )
        case _:
            return None


def refused(situation: Situation) -> Stalled | None:
    """Report a restore in place that is not begun, and will not be."""
    found = in_place(situation)
    if found.stage != Stage.REFUSED:
        return None
    message = f"{RESTORE_TO}={found.to}: {found.message}{_NOT_AGAIN}"
    return Stalled("RestoreRefused", message, after=_AGAIN_SECONDS)


def under_way(situation: Situation) -> Stalled | Waiting | None:
    """Report how far the restore is, or why it failed: it is tried again whenever the container starts."""
    starting = in_place(situation).stage == Stage.STARTING
    if not (restoring(situation) or starting) or situation.db.spec.hibernated:
        return None
    first = next((i for i in situation.observed.instances if i.ordinal == 0), None)
    if first is None:
        return None
    why, differs = _failure(first)
    if differs:
        return Stalled("SourceDiffers", f"{why}: delete this object, and create it with that")
    if first.restoring:
        before = f"; the attempt before failed: {why}" if why else ""
        return Waiting(10, "Restoring", f"{first.name}: {first.restoring}{before}")
    if why:
        return Waiting(10, "RestoreFailing", f"{first.name} tries again: {why}")
    # What keeps its pod from starting is told as for every other.
    return Waiting(10, "Restoring", f"{first.name} begins") if first.start_id and not first.trouble else None


def _failure(instance: Instance) -> tuple[str, bool]:
    """Return why the last attempt failed, "" if none did; and whether each attempt will fail alike."""
    result = Result.read(instance.last_words)
    if result is None or not result.reason:
        return "", False
    if result.reason in FINAL:
        return result.message, True
    return f"{result.reason}: {result.message}", False


def _obstacle(situation: Situation) -> Stalled | Waiting | None:
    restore = situation.db.spec.restore
    begun = situation.observed.statefulset is not None
    if restore is UNSET or begun or not restoring(situation) or situation.db.spec.hibernated:
        return None
    return refusal(situation.db, restore, situation.observed.source, situation.observed.seen)


def _children(situation: Situation) -> list[Manifest]:
    """Return what there should be; nothing new while the source cannot be read any more."""
    restore, source, db = situation.db.spec.restore, situation.observed.source, situation.db
    found = in_place(situation)
    if found.holds or found.stage == Stage.ASKED:
        return _itself(situation, found)
    if restore is UNSET or source is None or not restoring(situation):
        return []
    if source.name == "":
        return [config_map(db, of_bucket(db, restore))]
    return _from_database(situation, restore, source)


def _from_database(situation: Situation, restore: Restore, source: Source) -> list[Manifest]:
    db, found = situation.db, settings(source)
    if found is None:
        return []
    whole = reaches(source, target_time(restore), situation.observed.seen)
    if isinstance(found.repository, S3Repository):
        return [config_map(db, of_database(db, restore, found, whole=whole))]
    if not _served_here(situation, source):
        policy = network_policy(db, labels.repository(source.name))
        return [config_map(db, of_database(db, restore, found, whole=whole)), policy]
    host = names.source_host(db.metadata.name, db.metadata.namespace)
    request = of_database(db, restore, found, host=host, whole=whole)
    policy = network_policy(db, pods(db.metadata.name))
    claim = names.repository_claim(source.name)
    return [config_map(db, request), policy, *server(db, situation.intent.image, claim)]


def _served_here(situation: Situation, source: Source) -> bool:
    """Whether a server of our own gives access to the source's volume; once begun, it goes on."""
    begun = names.source(situation.name) in situation.observed.of(COMPONENT, "StatefulSet")
    return begun or unserved(source)


def _itself(situation: Situation, found: InPlace) -> list[Manifest]:
    """Return the request of a restore in place: as it was begun, with how far it is."""
    db, observed = situation.db, situation.observed
    live = observed.of(COMPONENT, "ConfigMap").get(names.restore_request(situation.name))
    own = situation.backups.settings
    to = found.to
    if live is not None:
        request = RestoreRequest.read(live["data"][REQUEST])
        if found.stage == Stage.STARTING and db.metadata.annotations.get(RESTORE_TO) == FORMER:
            # The way out of one that does not come to an end.
            request, to = replace(request, back=True), FORMER
    elif own is not None:
        request = of_itself(own, found.to, found.aside, back=found.to == FORMER)
    else:
        return []
    started = {STAGE: "start"} if found.stage == Stage.STARTING else {}
    return [config_map(db, request, {RESTORE_TO: to, **started}, kept=True)]


def _upkeep(situation: Situation) -> list[Delete]:
    """Remove everything once the database is restored: the server first, and the ConfigMap last.

    That one is what tells that something may be left: Secrets are not watched.
    """
    stage, found = in_place(situation).stage, situation.observed
    noted = past(found, situation.name).to == in_place(situation).to
    if restoring(situation) or stage not in (Stage.NONE, Stage.REFUSED, Stage.DONE):
        return []
    if stage == Stage.DONE and not noted:
        return []
    secret = found.children.get("Secret", {}).get(names.source(situation.name))
    others = [
        *(
            each
            for kind in ("StatefulSet", "Service", "NetworkPolicy")
            for each in found.of(COMPONENT, kind).values()
        ),
        *([secret] if secret else []),
    ]
    last = list(found.of(COMPONENT, "ConfigMap").values())
    return [_delete(each) for each in others or last if "deletionTimestamp" not in each["metadata"]]


def _delete(manifest: Manifest) -> Delete:
    metadata = manifest["metadata"]
    where = (metadata["uid"], metadata["resourceVersion"], _OVER, metadata["namespace"])
    return Delete(manifest["kind"], metadata["name"], *where)


RESTORE: Final = Component(COMPONENT, children=_children, obstacle=_obstacle, upkeep=_upkeep)
