"""An API server in memory, as far as one that writes needs it."""

from __future__ import annotations

from typing import Any, TypeAlias

from controller.kube.answers import Conflict
from controller.kube.client import Kube

Object: TypeAlias = dict[str, Any]


class Objects(Kube):
    """Holds objects, and fails as often as it was told to when one is created."""

    def __init__(self, *objects: Object, failures: tuple[Exception, ...] = ()) -> None:
        self.writes: list[str] = []
        """What was written, in order: `patch Pod orders-0`."""
        self._failures = list(failures)
        self._objects = {_identity(each): each for each in objects}

    def of(self, kind: str) -> list[Object]:
        """Return what there is of a kind, oldest first."""
        return [each for each in self._objects.values() if each["kind"] == kind]

    async def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """Read one."""
        return self._objects.get((kind, namespace, name))

    async def create(self, manifest: Object, *, dry_run: bool = False) -> Object:
        """Keep it; Conflict when its name is taken."""
        assert not dry_run
        if self._failures:
            raise self._failures.pop(0)
        if _identity(manifest) in self._objects:
            raise Conflict(409, "AlreadyExists")
        self.writes.append(f"create {manifest['kind']} {manifest['metadata']['name']}")
        self._objects[_identity(manifest)] = manifest
        return manifest

    async def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        body: Object,
        *,
        resource_version: str | None = None,
    ) -> Object | None:
        """Merge into it; Conflict when it is not at that version, or not the one with the body's UID."""
        known = await self.get(kind, namespace, name)
        if known is None:
            return None
        _check(known, body.get("metadata", {}).get("uid"), resource_version)
        self.writes.append(f"patch {kind} {name}")
        self._objects[kind, namespace, name] = changed = _merged(known, body)
        return changed

    async def delete(
        self, kind: str, namespace: str | None, name: str, *, uid: str, resource_version: str | None = None
    ) -> bool:
        """Remove it; Conflict when it is not the one with that UID."""
        known = await self.get(kind, namespace, name)
        if known is None:
            return False
        _check(known, uid, resource_version)
        self.writes.append(f"delete {kind} {name}")
        del self._objects[kind, namespace, name]
        return True


def _identity(manifest: Object) -> tuple[str, str | None, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace"), metadata["name"]


def _check(known: Object, uid: str | None, version: str | None) -> None:
    for field, wanted in (("uid", uid), ("resourceVersion", version)):
        if wanted is not None and known["metadata"].get(field) != wanted:
            raise Conflict(409, f"its {field} is another")


def _merged(known: Object, body: Object) -> Object:
    """Return what a merge patch makes of it (RFC 7386)."""
    merged = {name: value for name, value in known.items() if body.get(name, value) is not None}
    for name, value in body.items():
        if isinstance(value, dict):
            merged[name] = _merged(merged.get(name) or {}, value)
        elif value is not None:
            merged[name] = value
    return merged
