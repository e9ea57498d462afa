"""The former pod template, to which a database goes back while pods of the newest one are refused.

Before a pod is deleted a dry run asks whether its successor could be created (`plan/instances/creation.py`),
and that does not meet every webhook. What was deleted nevertheless comes back as it was: the StatefulSet gets
the former template again, which costs no other pod anything, and it is noted in NAME-config which one was
refused. That one is tried again after a while, with one standby, or as soon as it is changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from controller.desired import names
from controller.desired.instances.pod import pod_template
from controller.kube.objects import Manifest
from controller.observe.drift import drift
from controller.observe.instances.editions import newest_revision
from controller.observe.state import ObservedState
from controller.plan.instances.templates import fingerprint
from controller.plan.outcome import Stalled
from controller.plan.situation import Situation
from controller.protocol.member import moment
from schemas.kubernetes.moments import written

NOTE = "refused.json"
"""Entry of NAME-config."""
_FIRST, _LONGEST = timedelta(minutes=10), timedelta(hours=6)
"""Pauses before the newest template is tried again; each is twice the one before."""


class Fallback(msgspec.Struct, frozen=True):
    """A pod template that is not used, because its pods are refused, and the one that is used instead."""

    uid: str
    """Of the object: a note of a former one of its name says nothing."""
    wanted: str
    """Digest of the refused template."""
    revision: str
    """Its revision."""
    former: str
    """The revision before it."""
    template: Manifest
    """That one's template."""
    why: str
    """The API server's words."""
    tries: int
    until: str
    """When the refused one is tried again (RFC 3339)."""

    def holds(self, observed: ObservedState) -> bool:
        """Whether pods are made from the former template."""
        seconds = self.seconds(observed)
        return seconds is None or seconds > 0

    def seconds(self, observed: ObservedState) -> float | None:
        """Return the seconds until the refused template is tried again; None if only its change ends this.

        A try costs an instance for seconds. The only one is not given up for it, unless it is missing anyway.
        """
        due, live = moment(self.until), observed.statefulset
        alone = live is not None and int(live["spec"]["replicas"]) == 1 and not observed.creation.refusal
        return (due - observed.seen).total_seconds() if due and observed.seen and not alone else None

    def words(self, observed: ObservedState) -> str:
        """Say what is refused, why, and what runs instead."""
        again = "" if self.seconds(observed) is None else f", or it is tried again at {self.until}"
        return (
            f"no pod of the newest template ({self.revision}) can be created: {self.why}. The instances run"
            f" the former one ({self.former}), and nothing is restarted, until the change is corrected or"
            f" taken back{again}"
        )


def wanted(situation: Situation) -> Manifest:
    """Return the pod template to have."""
    return situation.intent.template or pod_template(situation.db, situation.intent.image)


def noted(observed: ObservedState, name: str, uid: str, template: Manifest) -> Fallback | None:
    """Return what is known of refused pods of a template; None if nothing is."""
    live = observed.children.get("ConfigMap", {}).get(names.config(name)) or {}
    try:
        found = msgspec.json.decode((live.get("data") or {}).get(NOTE) or "null", type=Fallback | None)
    except msgspec.DecodeError:
        return None
    return found if found and (found.uid, found.wanted) == (uid, fingerprint(template)) else None


def fallback(situation: Situation) -> Fallback | None:
    """Return what is to be known of refused pods of the template to have; None if nothing is."""
    return situation.once(_fallback)


def _fallback(situation: Situation) -> Fallback | None:
    observed, template = situation.observed, wanted(situation)
    known = noted(observed, situation.name, situation.db.metadata.uid, template)
    if known and _over(known, observed):
        return None
    if known and known.holds(observed):
        return known
    live, former = observed.statefulset, observed.creation.former
    begun = observed.instances or observed.leadership.initialized
    seen = observed.seen
    if not live or not former or not begun or not seen or drift(template, live["spec"]["template"]):
        return known
    tries = known.tries + 1 if known else 1
    return Fallback(
        situation.db.metadata.uid,
        fingerprint(template),
        newest_revision(live) or "",
        former.name,
        former.template,
        observed.creation.refusal,
        tries,
        _until(tries, seen),
    )


def _over(known: Fallback, observed: ObservedState) -> bool:
    """Whether every pod is of the template that was refused once."""
    return not observed.creation.missing and all(i.revision == known.revision for i in observed.instances)


def _until(tries: int, now: datetime) -> str:
    return written(now + min(_FIRST * (1 << min(tries - 1, 16)), _LONGEST))


def in_force(situation: Situation) -> Manifest:
    """Return the pod template that pods are made from."""
    back = fallback(situation)
    return back.template if back and back.holds(situation.observed) else wanted(situation)


def remember(configuration: Manifest, situation: Situation) -> Manifest:
    """Return NAME-config with the note, if there is one."""
    back = fallback(situation)
    if back is None:
        return configuration
    note = msgspec.json.encode(back, order="sorted").decode()
    return {**configuration, "data": {**configuration["data"], NOTE: note}}


def rolled_back(situation: Situation) -> Stalled | None:
    """Report that the former template is used, and why."""
    back, observed = fallback(situation), situation.observed
    if back is None or not back.holds(observed):
        return None
    return Stalled("RolledBack", back.words(observed), after=back.seconds(observed))
