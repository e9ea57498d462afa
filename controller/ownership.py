"""Whether a child is ours to write: nothing of another owner is ever taken over."""

from __future__ import annotations

from controller.actions import Manifest
from controller.drift import APPLIED
from schemas.types import PostgreSQLDatabase

DATABASE_LABEL = "keddah.dev/database"


def stranger(manifest: Manifest, name: str, uid: str) -> str | None:
    """Say to whom a child belongs if it is not the database's of that name and UID; None if it is ours.

    Retained Secrets, claims and Patroni's ConfigMaps have no owner: their label makes them the database's,
    so that a new object of the same name takes them up again.
    """
    metadata = manifest["metadata"]
    owner = next((o for o in metadata.get("ownerReferences") or [] if o.get("controller")), None)
    if owner is not None:
        return None if owner["uid"] == uid else f"{owner['kind']} {owner['name']} (uid {owner['uid']})"
    if (metadata.get("labels") or {}).get(DATABASE_LABEL) == name:
        return None
    if APPLIED in (metadata.get("annotations") or {}):
        return None
    return "somebody else: it carries neither keddah's label nor an owner reference"


def foreign(db: PostgreSQLDatabase, live: Manifest) -> str | None:
    """Say in a sentence whose a child is if it is not the database's, and what to do; None if it is."""
    owner = stranger(live, db.metadata.name, db.metadata.uid)
    name = live["metadata"]["name"]
    return f"{live['kind']} {name} belongs to {owner}; rename or remove it" if owner else None
