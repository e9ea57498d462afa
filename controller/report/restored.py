"""What is told of Secrets that were lost and written again; never anything that is in one."""

from __future__ import annotations

from collections.abc import Iterable

from controller.desired import names
from controller.observe.state import ObservedState
from controller.plan.actions import Action, Apply
from controller.plan.credentials import has_data
from schemas.api.types import PostgreSQLDatabase

RESTORED = "SecretsRestored"
"""Reason of the event."""


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
