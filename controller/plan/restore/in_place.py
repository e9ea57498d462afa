"""Restores in place: how far the one is that an annotation of the database asks for.

The primary is moved to the first instance, the others stop, then that one. Patroni's note that there is a
database goes; the first instance starts again, sets its data aside, and restores. Each stage follows from
what is there, so a controller that starts in the middle goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from controller.desired import names
from controller.desired.labels import REPOSITORY
from controller.desired.restore import COMPONENT, requested
from controller.kube.objects import Manifest, annotations_of
from controller.observe.restore.past import RESTORED_TO, Past, past
from controller.observe.state import ObservedState
from controller.plan.restore.window import newest
from controller.plan.situation import Situation
from controller.protocol.member import ROOM_TOLERANCE, moment
from controller.protocol.settings import REQUEST, ProtocolError, RestoreRequest
from schemas.kubernetes.moments import written
from schemas.rules.requests import FORMER, RESTORE

RESTORE_TO: Final = RESTORE
"""Annotation of the database: the moment (RFC 3339) to restore it to, or FORMER. NAME-restore has it, too."""
STAGE: Final = "keddah.dev/stage"
"""Annotation of NAME-restore: `start` once the last instance has stopped and Patroni's note is gone."""


_MIB: Final = 1 << 20


class Stage(StrEnum):
    """How far a restore in place is."""

    NONE = ""
    REFUSED = "refused"
    ASKED = "asked"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class InPlace:
    """The stage of a restore in place, and what it is about."""

    stage: Stage
    to: str = ""
    aside: str = ""
    message: str = ""
    """Why it is refused."""

    @property
    def holds(self) -> bool:
        """Whether it decides how many instances there are."""
        return self.stage in (Stage.STOPPING, Stage.STOPPED, Stage.STARTING)


def in_place(situation: Situation) -> InPlace:
    """Return the stage."""
    db, observed = situation.db, situation.observed
    live = observed.of(COMPONENT, "ConfigMap").get(names.restore_request(situation.name))
    begun = annotations_of(live).get(RESTORE_TO, "")
    done = past(observed, situation.name)
    if requested(db) and not observed.leadership.identifier and not begun:
        return InPlace(Stage.NONE)
    if begun:
        return _begun(observed, live or {}, begun, done)
    asked = db.metadata.annotations.get(RESTORE_TO, "")
    if not asked or asked == done.to:
        return InPlace(Stage.NONE)
    # Who was told that nothing happens must not lose what is written since.
    if why := done.why if asked == done.refused else _refusal(situation, asked, done):
        return InPlace(Stage.REFUSED, asked, message=why)
    aside = done.aside if asked == FORMER else _suffix(observed)
    return InPlace(Stage.ASKED, asked, aside) if aside else InPlace(Stage.NONE)


def replaced(observed: ObservedState) -> bool:
    """Whether the data is being replaced, or just was: the outcome tells that the instances stop for it."""
    requests = observed.of(COMPONENT, "ConfigMap").values()
    return any(annotations_of(each).get(RESTORE_TO) for each in requests)


def note(found: InPlace, observed: ObservedState, name: str) -> dict[str, str]:
    """Return the annotation of what became of the requests, this one included; nothing before the first."""
    done = past(observed, name)
    if found.stage == Stage.DONE and (found.to, found.aside) != (done.to, done.aside):
        at = written(observed.seen) if observed.seen else ""
        done = Past(to=found.to, aside=found.aside, at=at)
    refused, why = (found.to, found.message) if found.stage == Stage.REFUSED else ("", "")
    text = msgspec.structs.replace(done, refused=refused, why=why).text()
    return {RESTORED_TO: text} if text else {}


def _begun(observed: ObservedState, live: Manifest, to: str, done: Past) -> InPlace:
    try:
        request = RestoreRequest.read((live.get("data") or {}).get(REQUEST, ""))
    except ProtocolError:
        return InPlace(Stage.NONE)
    first = next((i for i in observed.instances if i.ordinal == 0), None)
    if done.to == to:
        return InPlace(Stage.DONE, to, request.aside)
    if annotations_of(live).get(STAGE) == "start":
        whole = first is not None and first.replaced == request.mark
        stage = Stage.DONE if whole and observed.leadership.identifier else Stage.STARTING
        return InPlace(stage, to, request.aside)
    if observed.instances or _replicas(observed):
        return InPlace(Stage.STOPPING, to, request.aside)
    stage = Stage.STOPPED if observed.leadership.identifier else Stage.STARTING
    return InPlace(stage, to, request.aside)


def _refusal(situation: Situation, asked: str, done: Past) -> str:
    """Return why it is not begun; "" if it is."""
    db, observed = situation.db, situation.observed
    if db.spec.deletion_protection:
        return "deletionProtection is on, and this replaces the data: take it off first"
    if db.spec.backup_schedule == "":
        return 'the database makes no backups (backupSchedule: "")'
    if db.spec.hibernated:
        return "the database is hibernated: wake it first, so that all of it is archived"
    if asked == FORMER:
        return "" if done.aside and done.to != FORMER else "no data was set aside"
    if moment(asked) is None:
        return f'"{asked}" is no moment such as 2026-11-27T10:00:00Z, and not "{FORMER}"'
    return _outside(situation, asked) or _no_primary(observed) or _away(observed) or _no_room(situation)


def _outside(situation: Situation, asked: str) -> str:
    held = situation.backups.record.contents
    begins, ends = (
        moment(held.oldest_restorable if held else ""),
        newest(situation.db, situation.observed.seen),
    )
    target = moment(asked)
    if held is None or begins is None or ends is None or target is None:
        return "there is no backup yet"
    if begins <= target <= ends:
        return ""
    return f"{asked} cannot be restored; what can is {held.oldest_restorable} to {written(ends)}"


def _no_primary(observed: ObservedState) -> str:
    primary = observed.primary
    return (
        "" if primary is not None and primary.fit else "there is no ready primary, whose data would be kept"
    )


def _away(observed: ObservedState) -> str:
    """Return what is on a node that does not report: an end could not be seen there, nor backups be read."""
    places = {i.name: i.node for i in observed.instances}
    for pod in observed.of(REPOSITORY, "Pod").values():
        places[pod["metadata"]["name"]] = str((pod.get("spec") or {}).get("nodeName") or "")
    for name, node in sorted(places.items()):
        if observed.lost(node):
            return f"{name} is on {node}, which is not ready: it could neither stop nor serve"
    return ""


def _no_room(situation: Situation) -> str:
    """Return that the data does not fit onto the first volume beside the former; "" where nobody knows."""
    held = situation.backups.record.contents
    first = next((i for i in situation.observed.instances if i.ordinal == 0), None)
    if held is None or first is None or not first.room:
        return ""
    needed = held.database_bytes // _MIB
    if needed <= first.room * ROOM_TOLERANCE:
        return ""
    return (
        f"{needed} MiB are restored beside the data that is kept, and the volume of {first.name} has about "
        f"{first.room} MiB free: increase spec.storage.size"
    )


def _suffix(observed: ObservedState) -> str:
    seen: datetime | None = observed.seen
    return f"before-{seen:%Y%m%d-%H%M%S}" if seen is not None else ""


def _replicas(observed: ObservedState) -> int:
    return int(observed.statefulset["spec"]["replicas"]) if observed.statefulset else 0
