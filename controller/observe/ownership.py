"""Checks that a child belongs to the database: objects of other owners are never taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from controller.desired.child import controller_reference
from controller.kube.kinds import DATABASE_LABEL, WORKLOADS
from controller.kube.objects import Manifest
from controller.observe.backups.parts import part as backups
from controller.observe.drift import APPLIED
from controller.observe.instances.parts import part as instances
from controller.observe.repository import part as repository
from controller.observe.restore.parts import part as restore
from schemas.api.types import PostgreSQLDatabase

Part: TypeAlias = Callable[[str, Manifest, str], bool]

COMPONENTS: Final[tuple[Part, ...]] = (instances, repository, restore, backups)
"""Each component's own rule, from kind, manifest and database."""

_RECOGNIZED = WORKLOADS | {"Pod", "PersistentVolumeClaim", "ConfigMap"}
"""Kinds of which an object is only taken for the database's if a component recognizes it."""


def part(kind: str, manifest: Manifest, database: str, components: tuple[Part, ...] = COMPONENTS) -> bool:
    """Whether an object with the database's label really is a part of the database.

    Users put the label on their own objects to group them (`keddah.dev/database: orders` on a dump's claim, a
    client's pod, a dashboard's ConfigMap). These must never be restarted, expanded or deleted.
    """
    if kind not in _RECOGNIZED:
        return True
    return any(recognized(kind, manifest, database) for recognized in components)


def foreign_owner(manifest: Manifest, name: str, uid: str) -> str | None:
    """Return whose child this is if it does not belong to the database of that name and UID; else None.

    Retained Secrets, claims and Patroni's ConfigMaps have no owner: their label makes them the database's,
    so that a new object of the same name takes them up again.
    """
    metadata = manifest["metadata"]
    owner = controller_reference(manifest)
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


def owned(db: PostgreSQLDatabase, manifest: Manifest) -> bool:
    """Whether an object names the database as an owner, so that it goes when the database does."""
    owners = manifest["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == db.metadata.uid for owner in owners)
