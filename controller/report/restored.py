"""What is told of Secrets that were written: lost, edited or rotated; never a password that is in one."""

from __future__ import annotations

from collections.abc import Iterable

from controller.desired import names
from controller.kube.objects import Manifest, annotations_of, entry_of
from controller.observe.drift import APPLIED
from controller.observe.state import ObservedState
from controller.plan.actions import Action, Apply
from controller.plan.credentials import has_data
from controller.report.primaries import Event
from schemas.api.types import PostgreSQLDatabase

RESTORED = "SecretsRestored"
EDITED = "SecretEdited"
ROTATED = "PasswordRotated"


def written(db: PostgreSQLDatabase, observed: ObservedState, done: Iterable[Action]) -> list[Event]:
    """Return the events about Secrets that were written; `observed` is the state before."""
    writes, live = list(done), observed.children.get("Secret", {})
    events = [Event(RESTORED, words)] if (words := restored(db, observed, writes)) else []
    for write in writes:
        if isinstance(write, Apply) and write.manifest["kind"] == "Secret":
            before = live.get(write.manifest["metadata"]["name"])
            events += _changed(write, before) if before is not None else []
    return events


def _changed(write: Apply, before: Manifest) -> list[Event]:
    name = write.manifest["metadata"]["name"]
    wanted, found = (annotations_of(each).get(APPLIED) for each in (write.manifest, before))
    if wanted == found:
        # What is wanted is what was written last: somebody else has changed it since.
        return [Event(EDITED, f"{name} was changed by hand ({write.reason}), and is as it was again")]
    former, login = entry_of(before, "username"), entry_of(write.manifest, "username")
    if not former or former == login:
        return []
    words = f"{name} has the login {login} and a new password; {former} is valid until the next rotation"
    return [Event(ROTATED, words)]


def restored(db: PostgreSQLDatabase, observed: ObservedState, done: Iterable[Action]) -> str:
    """Return what to tell of the Secrets that were written again; "" when none was, or all is new.

    `observed` is the state before. Whether a new password had to be made is the condition PasswordsLost.
    """
    if not has_data(observed):
        return ""
    written = [w.manifest["metadata"]["name"] for w in done if isinstance(w, Apply) and w.absent]
    lost = [name for name in names.secrets(db.metadata.name) if name in written]
    if not lost:
        return ""
    there = f"{', '.join(lost)} {'was' if len(lost) == 1 else 'were'} missing"
    return f"{there}, and written again from {_source(db, observed, lost)}"


def _source(db: PostgreSQLDatabase, observed: ObservedState, lost: list[str]) -> str:
    keys, copy = names.keys_secret(db.metadata.name), names.keys_copy(db.metadata.namespace, db.metadata.name)
    if keys not in lost:
        return keys
    if copy in observed.children.get("Secret", {}):
        return f"the copy of {keys}, {copy}"
    return "what the other Secrets say" if len(lost) < len(names.secrets(db.metadata.name)) else "new keys"
