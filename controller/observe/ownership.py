"""Which objects are the database's: objects of other owners are never taken over.

Of an object with the database's label, each component tells whether it is its own, by names and kinds, which
are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from controller.desired import names
from controller.desired.backups.jobs import COMMAND
from controller.desired.child import controller_reference
from controller.desired.labels import BACKUP, SCOPE, component_of
from controller.kube.kinds import DATABASE_LABEL, WORKLOADS
from controller.kube.objects import Manifest
from controller.observe.drift import APPLIED
from schemas.api.types import PostgreSQLDatabase

Part: TypeAlias = Callable[[str, Manifest, str], bool]


def instances(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is an instance, its volume claim, its StatefulSet, or a ConfigMap beside them."""
    name = manifest["metadata"]["name"]
    match kind:
        case "Pod":
            owner = controller_reference(manifest)
            made = owner is None or (owner["kind"], owner["name"]) == ("StatefulSet", database)
            return made and _numbered(name, names.pod(database, 0))
        case "PersistentVolumeClaim":
            return _numbered(name, names.claim(database, 0))
        case "ConfigMap":
            return name in (*names.patroni_state(database), names.secrets_watch(database))
        case "StatefulSet":
            return bool(name == names.statefulset(database))
        case _:
            return False


def repository(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is the repository's server, its pod or volume claim, or the settings of backups."""
    name = manifest["metadata"]["name"]
    match kind:
        case "Pod":
            owner = controller_reference(manifest)
            made = owner is None or (owner["kind"], owner["name"]) == (
                "StatefulSet",
                names.repository(database),
            )
            return bool(made and name == names.repository_pod(database))
        case "PersistentVolumeClaim":
            return bool(name == names.repository_claim(database))
        case "ConfigMap":
            return bool(name == names.backup_settings(database))
        case "StatefulSet":
            return bool(name == names.repository(database))
        case _:
            return False


def restore(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is the request, or serves the volume of a deleted source."""
    name = manifest["metadata"]["name"]
    match kind:
        case "ConfigMap":
            return bool(name == names.restore_request(database))
        case "StatefulSet":
            return bool(name == names.source(database))
        case "Pod":
            owner = controller_reference(manifest)
            return owner is not None and (owner["kind"], owner["name"]) == (
                "StatefulSet",
                names.source(database),
            )
        case _:
            return False


def backups(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is a CronJob or a Job of the database's backups, or such a Job's pod.

    Users give their own Jobs the database's label too, to group them.
    """
    if component_of(manifest) != BACKUP:
        return False
    match kind:
        case "CronJob":
            return manifest["metadata"]["name"] in names.backup_cronjobs(database)
        case "Job":
            return COMMAND in manifest["metadata"]["labels"]
        case "Pod":
            owner = controller_reference(manifest)
            return owner is not None and owner["kind"] == "Job"
        case _:
            return False


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
    labels = metadata.get("labels") or {}
    if (other := labels.get(DATABASE_LABEL, name)) != name:
        return f"PostgreSQLDatabase {other}"
    # The second is on Patroni's ConfigMaps besides, whoever took the first away.
    if name in (labels.get(DATABASE_LABEL), labels.get(SCOPE)):
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


def _numbered(name: str, first: str) -> bool:
    """Whether a name is that of a StatefulSet's pod or claim, given the name of the first."""
    tail = name.removeprefix(first[:-1])
    return tail != name and tail.isdecimal() and str(int(tail)) == tail
