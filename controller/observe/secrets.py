"""Reads the Secrets of a database by name, since they may be neither listed nor watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import msgspec

from controller.desired import names
from controller.desired.repository.pod import users_secrets
from controller.kube.answers import Refused
from controller.kube.client import Kube
from controller.kube.objects import Key, Manifest
from controller.observe.repository import CONDITION, lacking
from schemas.api.types import PostgreSQLDatabase, decode


class SecretReader:
    """Reads Secrets, and what is to own the copy of a database's keys in the operator's namespace."""

    def __init__(self, kube: Kube, operator: str) -> None:
        self._kube = kube
        self._operator = operator

    async def read(self, key: Key, others: Iterable[str] = ()) -> dict[str, Manifest]:
        """Return the database's Secrets and the copy of its keys, by name; of `others`, those that exist."""
        every = (*names.secrets(key.name), *names.secrets_of_backups(key.name), *others)
        wanted = [(key.namespace, name) for name in every]
        wanted.append((self._operator, names.keys_copy(*key)))
        found = await asyncio.gather(*(self._kube.get("Secret", *each) for each in wanted))
        return {name: live for (_, name), live in zip(wanted, found, strict=True) if live is not None}

    async def of_issuer(self, key: Key) -> tuple[dict[str, Manifest], dict[str, Manifest]]:
        """Return the Certificate of cert-manager and its Secret, each by name, as far as they exist.

        Where the controller may not read Certificates, or nobody knows them, what it writes is refused: that
        is told, and nothing else depends on it.
        """
        name = names.server_certificate(key.name)
        try:
            found = await self._kube.get("Certificate", key.namespace, name)
        except Refused:
            found = None
        return ({name: found} if found else {}), await self.named(key.namespace, [name])

    async def named(self, namespace: str, wanted: Iterable[str]) -> dict[str, Manifest]:
        """Return these Secrets by name, as far as they exist."""
        listed = sorted(set(wanted))
        found = await asyncio.gather(*(self._kube.get("Secret", namespace, name) for name in listed))
        return {name: live for name, live in zip(listed, found, strict=True) if live is not None}

    async def lacking(self, database: Manifest | None) -> tuple[str, ...] | None:
        """Return what the user's Secrets of a repository lack, in words; None where nobody looks.

        That costs requests, so nobody does where WAL is archived.
        """
        db = _decoded(database)
        told = db.status.condition(CONDITION) if db else None
        if db is None or db.spec.hibernated or (told is not None and told.status == "True"):
            return None
        wanted, namespace = users_secrets(db), db.metadata.namespace
        return lacking(wanted, await self.named(namespace, (each.name for each in wanted)), namespace)

    async def owner(self, key: Key, secrets: Mapping[str, Manifest]) -> tuple[Manifest, ...]:
        """Return the namespace as an owner of the copy; nothing where that has one, or cannot have any."""
        copy = secrets.get(names.keys_copy(*key), {"metadata": {}})
        if copy["metadata"].get("ownerReferences"):
            return ()
        try:
            live = await self._kube.get("Namespace", None, key.namespace)
        except Refused:
            # The role is one from before: the copy gets its owner when the role is a new one.
            return ()
        if live is None:
            return ()
        uid = live["metadata"]["uid"]
        return ({"apiVersion": "v1", "kind": "Namespace", "name": key.namespace, "uid": uid},)


def _decoded(database: Manifest | None) -> PostgreSQLDatabase | None:
    """Return a stored object; None for one whose spec cannot be read, for another is in force then."""
    try:
        return decode(database) if database else None
    except msgspec.ValidationError:
        return None
