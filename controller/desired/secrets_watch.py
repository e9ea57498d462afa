"""The ConfigMap that shows that a Secret was deleted, because nobody may list or watch Secrets.

It is owned by all Secrets of the database together. As soon as one of them is deleted, Kubernetes' garbage
collector takes the reference to it out of this object, or deletes this object when none is left (Garbage
Collection, "Owners and dependents"). Either is a change of a ConfigMap, and those are watched. So a lost
Secret is noticed at once, whatever the number of databases, without a request and without a right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from controller.desired import names
from controller.desired.child import child
from controller.desired.secrets import wanted_secrets
from controller.kube.objects import Manifest, annotations_of
from schemas.api.types import PostgreSQLDatabase

COMPONENT: Final = "secrets-watch"
"""In the label of that name: the one kept object that the garbage collector may always delete."""
OTHERS: Final = "keddah.dev/other-secrets"
"""Annotation: the Secrets that this database has, and not every one."""
RENEWED: Final = "keddah.dev/renewed-passwords"
"""Annotation: whose passwords were lost, so that what the Secrets say is not what the server knows."""


def secrets_watch(
    db: PostgreSQLDatabase, live: Mapping[str, Manifest], renewed: tuple[str, ...] = ()
) -> Manifest | None:
    """Return the ConfigMap for these Secrets, given by name; None as long as one of them is missing."""
    name, wanted = db.metadata.name, wanted_secrets(db)
    if any(secret not in live for secret in wanted):
        return None
    notes = {OTHERS: ",".join(wanted[len(names.secrets(name)) :])}
    if renewed:
        notes[RENEWED] = ",".join(renewed)
    manifest = child(
        db,
        "v1",
        "ConfigMap",
        names.secrets_watch(name),
        body={},
        annotations={key: text for key, text in notes.items() if text},
        component=COMPONENT,
        kept=True,
    )
    manifest["metadata"]["ownerReferences"] = [_owner(live[secret]) for secret in wanted]
    return manifest


def watched(manifest: Manifest | None) -> Mapping[str, str]:
    """Return the UIDs of the Secrets that such a ConfigMap was made for and that exist since, by name."""
    owners = ((manifest or {}).get("metadata") or {}).get("ownerReferences") or []
    return {owner["name"]: owner["uid"] for owner in owners if owner["kind"] == "Secret"}


def complete(manifest: Manifest | None, name: str, others: Iterable[str] = ()) -> bool:
    """Whether all Secrets of the database of that name are watched, and so none was deleted since.

    `others`: those that it should have besides, as far as is known.
    """
    return watched(manifest).keys() == {*names.secrets(name), *noted_secrets(manifest), *others}


def noted_secrets(manifest: Manifest | None) -> tuple[str, ...]:
    """Name the Secrets that it was made for besides those that every database has."""
    return tuple(filter(None, _annotation(manifest, OTHERS).split(",")))


def renewed_passwords(manifest: Manifest | None) -> tuple[str, ...]:
    """Read whose passwords were lost."""
    return tuple(purpose for purpose in _annotation(manifest, RENEWED).split(",") if purpose)


def _annotation(manifest: Manifest | None, name: str) -> str:
    return str(annotations_of(manifest).get(name, ""))


def _owner(secret: Manifest) -> Manifest:
    metadata = secret["metadata"]
    return {"apiVersion": "v1", "kind": "Secret", "name": metadata["name"], "uid": metadata["uid"]}
