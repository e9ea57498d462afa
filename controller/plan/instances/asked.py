"""What annotations of the database ask of its instances: a switchover, a restart, a reload, a pause.

A request for new passwords that cannot be read is refused in the same way.

Each new value is noted on the StatefulSet before anything is done about it, and done as often as it takes
until its effect is seen: a controller that starts in the middle goes on. A value that was seen once asks for
nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from controller.observe.instances.asked import Note, State, notes
from controller.observe.instances.instance import Instance
from controller.observe.state import ObservedState
from controller.plan.actions import Reload, Switchover
from controller.plan.instances.rollout import candidate, handover
from controller.plan.outcome import Waiting
from controller.plan.situation import Situation
from controller.protocol.member import moment
from schemas.kubernetes.moments import written
from schemas.rules.requests import (
    NO_ROLE,
    OF_INSTANCES,
    PAUSE,
    RELOAD,
    RESTART,
    RESUME,
    ROTATION,
    SWITCHOVER,
    names_nobody,
    split,
)

_PATIENCE: Final = timedelta(minutes=2)
"""How long a switchover may wait for a standby that can take over: whoever asked looks at it."""
_NO_PRIMARY: Final = "there is no ready primary"


def noted(situation: Situation) -> dict[str, Note]:
    """Return what is to be noted of all requests."""
    return situation.once(_noted)


def _noted(situation: Situation) -> dict[str, Note]:
    before, asked = notes(situation.observed), situation.db.metadata.annotations
    if situation.observed.statefulset is None:
        # Of a manifest that was copied, or of one whose database was made anew: carried out long ago.
        return {name: Note(value=asked[name], state="Done") for name in OF_INSTANCES if name in asked}
    found = dict(before)
    for name in OF_INSTANCES:
        last, value = before.get(name), asked.get(name, "")
        if value and (last is None or last.value != value):
            found[name] = _stamped(_BEGINNINGS[name](situation, value), situation.observed)
        elif last is not None and last.state == "UnderWay":
            found[name] = _followed(name, last, situation.observed)
    return found | _misread(asked.get(ROTATION, ""), before.get(ROTATION), situation.observed)


def paused(situation: Situation) -> bool:
    """Return whether Patroni is to be paused: as somebody has it, unless the opposite was just asked for."""
    fresh = {name for name in (PAUSE, RESUME) if _fresh(situation, name)}
    if RESUME in fresh:
        return False
    return situation.observed.leadership.paused or PAUSE in fresh


def reloads(situation: Situation) -> list[Reload]:
    """Return the reloads that were just asked for."""
    if not _fresh(situation, RELOAD):
        return []
    reason = f"the annotation {RELOAD} asks for it"
    return [Reload(i.name, i.ip, reason) for i in situation.observed.instances if i.ready and not i.deleting]


def due(situation: Situation) -> frozenset[str]:
    """Return the UIDs of the pods that are to be restarted, since somebody asked for it."""
    note = notes(situation.observed).get(RESTART)
    return frozenset(note.pods) if note is not None and note.state == "UnderWay" else frozenset()


def switchover(situation: Situation) -> Switchover | Waiting | None:
    """Return the switchover that was asked for, once that is noted."""
    observed, note = situation.observed, notes(situation.observed).get(SWITCHOVER)
    primary = observed.primary
    if note is None or note.state != "UnderWay" or primary is None or primary.name != note.primary:
        return None
    identity, target = split(note.value)
    reason = f"the annotation {SWITCHOVER}={identity} asks for it"
    step = handover(observed, primary, _accepted(target), reason)
    return step or Waiting(
        2, "SwitchingOver", f"{primary.name} hands over when {_standby(target)} can take over"
    )


def _accepted(target: str) -> Callable[[Instance], bool]:
    return lambda instance: target in ("", instance.name)


def _standby(target: str) -> str:
    return target or "a standby"


def _fresh(situation: Situation, name: str) -> bool:
    """Whether a request was not noted yet, and is not refused."""
    now, before = noted(situation).get(name), notes(situation.observed).get(name)
    if situation.observed.statefulset is None or now is None or now.state == "Refused":
        return False
    return before is None or before.value != now.value


def _stamped(note: Note, observed: ObservedState) -> Note:
    return replace(note, at=written(observed.seen) if observed.seen else "")


def _unable(situation: Situation) -> str:
    """Return why nothing can be moved now; "" if it can."""
    if situation.db.spec.hibernated:
        return "the database is hibernated: wake it first"
    return "Patroni is paused: resume it first" if situation.observed.leadership.paused else ""


def _misread(value: str, last: Note | None, observed: ObservedState) -> dict[str, Note]:
    """Refuse a request for new passwords that no admission server has read; rotation.py carries out none."""
    if not names_nobody(value) or (last is not None and last.value == value):
        return {}
    return {ROTATION: _stamped(Note(value=value, state="Refused", message=NO_ROLE), observed)}


def _switchover_begins(situation: Situation, value: str) -> Note:
    observed, target = situation.observed, split(value)[1]
    primary = observed.primary
    why = _unable(situation)
    if not why and (primary is None or not primary.fit):
        why = _NO_PRIMARY
    if why or primary is None:
        return Note(value=value, state="Refused", message=why)
    if target == primary.name:
        return Note(value=value, state="Done", message=f"{target} is primary already")
    if candidate(observed, _accepted(target)) is None:
        why = f"{target} cannot take over now: {_unfit(target, observed)}"
        if not target:
            why = "no standby can take over without losing a commit"
        return Note(value=value, state="Refused", message=why)
    return Note(value=value, state="UnderWay", message=f"{primary.name} hands over", primary=primary.name)


def _unfit(target: str, observed: ObservedState) -> str:
    """Say why an instance is no candidate."""
    found = next((each for each in observed.instances if each.name == target), None)
    if found is None:
        return "there is no such instance"
    if found.deleting or found.restarting:
        return "it is being restarted"
    if not found.fit:
        return f"it does not stream ({found.state or 'its server does not run'})"
    return "it may lack commits that were acknowledged, for it is no synchronous standby"


def _restart_begins(situation: Situation, value: str) -> Note:
    target, why = split(value)[1], _unable(situation)
    pods = [i for i in situation.observed.instances if target in ("", i.name)]
    if not why and not pods:
        why = f"there is no instance {target}" if target else "no instance runs"
    if why:
        return Note(value=value, state="Refused", message=why)
    message = f"to restart: {', '.join(i.name for i in pods)}"
    return Note(value=value, state="UnderWay", message=message, pods=tuple(i.uid for i in pods))


def _reload_begins(situation: Situation, value: str) -> Note:
    running = [i.name for i in situation.observed.instances if i.ready and not i.deleting]
    if not running:
        return Note(value=value, state="Refused", message="no instance runs")
    return Note(value=value, state="Done", message=f"asked to reload: {', '.join(running)}")


def _pause_begins(situation: Situation, value: str) -> Note:
    if not situation.observed.leadership.initialized or situation.db.spec.hibernated:
        return Note(value=value, state="Refused", message="no instance runs")
    return Note(value=value, state="Done", message="nobody fails over, and nothing is restarted")


def _resume_begins(_: Situation, value: str) -> Note:
    return Note(value=value, state="Done", message="Patroni goes on")


_BEGINNINGS: Final[Mapping[str, Callable[[Situation, str], Note]]] = {
    SWITCHOVER: _switchover_begins,
    RESTART: _restart_begins,
    RELOAD: _reload_begins,
    PAUSE: _pause_begins,
    RESUME: _resume_begins,
}


def _followed(name: str, note: Note, observed: ObservedState) -> Note:
    """Return a request that is under way as it is now."""
    state, message = _switched(note, observed) if name == SWITCHOVER else _restarted(note, observed)
    return (
        note
        if state == note.state
        else _stamped(replace(note, state=state, message=message, pods=()), observed)
    )


def _switched(note: Note, observed: ObservedState) -> tuple[State, str]:
    primary, begun = observed.primary, moment(note.at)
    if primary is not None and primary.name != note.primary and primary.fit:
        return "Done", f"{primary.name} is primary, after {note.primary}"
    if primary is not None and observed.seen and begun and observed.seen > begun + _PATIENCE:
        return "Refused", f"within {_PATIENCE.seconds // 60} minutes no standby could take over"
    return "UnderWay", note.message


def _restarted(note: Note, observed: ObservedState) -> tuple[State, str]:
    left = [i for i in observed.instances if i.uid in note.pods]
    # Between two pods of one name there is none.
    missing = len(observed.instances) < ((observed.statefulset or {}).get("spec") or {}).get("replicas", 0)
    if left or missing or not all(i.fit for i in observed.instances):
        return "UnderWay", note.message
    return "Done", note.message.replace("to restart", "restarted")
