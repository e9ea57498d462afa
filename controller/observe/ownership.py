"""Checks that a child belongs to the database: objects of other owners are never taken over."""

from __future__ import annotations

from controller.desired import names
from controller.desired.child import Manifest
from controller.kube.kinds import DATABASE_LABEL
from controller.observe.drift import APPLIED
from schemas.types import PostgreSQLDatabase


def part(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object with the database's label really is a part of the database.

    Users put the label on their own objects to group them (`keddah.dev/database: orders` on a dump's claim, a
    client's pod, a dashboard's ConfigMap). These must never be restarted, expanded or deleted. The parts of a
    database are recognized by kind and name, which are deterministic.
    """
    name = manifest["metadata"]["name"]
    match kind:
        case "Pod":
            owner = _controller(manifest)
            made = owner is None or (owner["kind"], owner["name"]) == ("StatefulSet", database)
            return made and _numbered(name, names.pod(database, 0))
        case "PersistentVolumeClaim":
            return _numbered(name, names.claim(database, 0))
        case "ConfigMap":
            return name in names.patroni_state(database)
        case "StatefulSet":
            return bool(name == names.statefulset(database))
        case _:
            return True


def _numbered(name: str, first: str) -> bool:
    """Whether a name is that of a StatefulSet's pod or claim, given the name of the first."""
    tail = name.removeprefix(first[:-1])
    return tail != name and tail.isdecimal() and str(int(tail)) == tail


def _controller(manifest: Manifest) -> Manifest | None:
    owners = manifest["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def foreign_owner(manifest: Manifest, name: str, uid: str) -> str | None:
    """Return whose child this is if it does not belong to the database of that name and UID; else None.

    Retained Secrets, claims and Patroni's ConfigMaps have no owner: their label makes them the database's,
    so that a new object of the same name takes them up again.
    """
    metadata = manifest["metadata"]
    owner = _controller(manifest)
    if owner is not None:
        return None if owner["uid"] == uid else f"{owner['kind']} {owner['name']} (uid {owner['uid']})"
    if (metadata.get("labels") or {}).get(DATABASE_LABEL) == name:
        return None
    if APPLIED in (metadata.get("annotations") or {}):
        return None
    return "somebody else: it carries neither keddah's label nor an owner reference"


def foreign(db: PostgreSQLDatabase, live: Manifest) -> str | None:
    """Return a message about a child that does not belong to the database; None if it does."""
    owner = foreign_owner(live, db.metadata.name, db.metadata.uid)
    name = live["metadata"]["name"]
    return f"{live['kind']} {name} belongs to {owner}; rename or remove it" if owner else None
