"""What is told of Secrets that were written: lost, edited or rotated; never a password that is in one."""

from __future__ import annotations

from collections.abc import Iterable

from controller.desired import names
from controller.desired.access import secret_of
from controller.desired.secrets_watch import noted_secrets
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
            events += _changed(write, before) if before is not None else _lost(db, write)
    return events


def _changed(write: Apply, before: Manifest) -> list[Event]:
    wanted, found = (annotations_of(each).get(APPLIED) for each in (write.manifest, before))
    if wanted == found:
        # What is wanted is what was written last: somebody else has changed it since.
        name = write.manifest["metadata"]["name"]
        return [Event(EDITED, f"{name} was changed by hand ({write.reason}), and is as it was again")]
    return _rotated(write, entry_of(before, "username"))


def _lost(db: PostgreSQLDatabase, write: Apply) -> list[Event]:
    """Tell of a Secret that was deleted in the midst of a rotation: it comes back with the next login."""
    former = {secret_of(db, role.name): role.login for role in db.status.roles}
    return _rotated(write, former.get(write.manifest["metadata"]["name"]) or "")


def _rotated(write: Apply, former: str) -> list[Event]:
    name, login = write.manifest["metadata"]["name"], entry_of(write.manifest, "username")
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
    # Of roles and backups, only those that were there before: others are new.
    watch = observed.children.get("ConfigMap", {}).get(names.secrets_watch(db.metadata.name))
    lost = [name for name in (*names.secrets(db.metadata.name), *noted_secrets(watch)) if name in written]
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
    every = set(names.secrets(db.metadata.name))
    return "new keys" if every <= set(lost) else "what the other Secrets say"
