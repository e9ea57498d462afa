"""The cache of watched objects: the newest manifest of every database, child, node and StorageClass.

Manifests are kept encoded and compressed, because as Python objects they would take many times the memory;
every reader gets a copy of its own.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from controller.kube.kinds import DATABASE, WATCHED
from controller.kube.objects import Identity, Key, Manifest, identity_of, key_of, version_of
from controller.watches import predicates
from controller.watches.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_TOMBSTONES = 4096
_FAST = 1


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: str
    version: int
    key: Key | None
    essence: bytes
    compressed: bytes
    sample: bytes
    """What the manifest is compressed against."""


class Cache:
    """The newest manifest of each object that is watched.

    Versions are compared as numbers, which the API server allows since 1.35 (API concepts, "Resource
    versions"), so that the reply to our own write is never replaced by an older event.
    """

    def __init__(self, kinds: Collection[str] = WATCHED) -> None:
        """`kinds` are those that are watched: of others nothing is known."""
        self._kinds = frozenset(kinds)
        self._objects: dict[str, dict[Identity, _Entry]] = {}
        self._children: dict[Key, dict[str, set[Identity]]] = {}
        self._gone: OrderedDict[tuple[str, Identity], int] = OrderedDict()
        # The first manifest of each kind: those of the other databases differ from it in little but names.
        self._samples: dict[str, bytes] = {}
        self.terms = Terms()

    def knows(self, kind: str) -> bool:
        """Whether objects of a kind are watched, so that one that is not here does not exist."""
        return kind in self._kinds

    def put(self, kind: str, manifest: Mapping[str, Any]) -> bool:
        """Store a manifest; False when it is not newer, or when nothing relevant changed."""
        identity, version = identity_of(manifest), version_of(manifest)
        known = self._objects.get(kind, {}).get(identity)
        if version <= self._gone.get((kind, identity), -1) or (known and version < known.version):
            return False
        entry = self._entry(kind, manifest)
        if kind == "ConfigMap":
            self.terms.note(identity, manifest)
        self._unlink(kind, identity, known)
        self._objects.setdefault(kind, {})[identity] = entry
        if entry.key is not None:
            self._children.setdefault(entry.key, {}).setdefault(kind, set()).add(identity)
        return known is None or (known.uid, known.essence) != (entry.uid, entry.essence)

    def drop(self, kind: str, manifest: Mapping[str, Any]) -> bool:
        """Remove a deleted object; False when it was not known, or was created again since."""
        return self.remove(kind, identity_of(manifest), version_of(manifest))

    def remove(self, kind: str, identity: Identity, version: int) -> bool:
        """Take note that an object was gone at a version of the cluster; as drop, without its manifest."""
        self._bury(kind, identity, version)
        known = self._objects.get(kind, {}).get(identity)
        if known is None or known.version > version:
            return False
        self._unlink(kind, identity, known)
        del self._objects[kind][identity]
        if kind == "ConfigMap":
            self.terms.forget(identity)
        return True

    def database(self, key: Key) -> Manifest | None:
        """Return the database of that name."""
        return self.object(DATABASE, key.namespace, key.name)

    def object(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return one object; the namespace is empty for those of the cluster."""
        entry = self._objects.get(kind, {}).get(Identity(namespace, name))
        return _decode(entry) if entry else None

    def objects(self, kind: str) -> dict[str, Manifest]:
        """Return every object of a kind that has no namespaces, by name."""
        return {identity.name: _decode(entry) for identity, entry in self._objects.get(kind, {}).items()}

    def children(self, key: Key) -> dict[str, dict[str, Manifest]]:
        """Return what carries the database's label in its namespace: by kind, then by name."""
        return {
            kind: {i.name: _decode(self._objects[kind][i]) for i in sorted(identities)}
            for kind, identities in self._children.get(key, {}).items()
        }

    def keys(self) -> list[Key]:
        """Name every database that exists."""
        return [Key(*identity) for identity in self._objects.get(DATABASE, {})]

    def statuses(self) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        """Give the status of every database."""
        for identity, entry in list(self._objects.get(DATABASE, {}).items()):
            yield Key(*identity), _decode(entry).get("status") or {}

    def holds(self, key: Key) -> bool:
        """Whether a database of that name exists."""
        return Identity(*key) in self._objects.get(DATABASE, {})

    def owner(self, kind: str, identity: Identity) -> Key | None:
        """Name the database that an object in the cache is, or belongs to."""
        if kind == DATABASE:
            return Key(*identity)
        entry = self._objects.get(kind, {}).get(identity)
        return entry.key if entry else None

    def versions(self, kind: str) -> dict[Identity, int]:
        """Return the version of every object of a kind: what a resync compares."""
        return {identity: entry.version for identity, entry in self._objects.get(kind, {}).items()}

    def _unlink(self, kind: str, identity: Identity, known: _Entry | None) -> None:
        if known is None or known.key is None:
            return
        kinds = self._children[known.key]
        kinds[kind].discard(identity)
        if not kinds[kind]:
            del kinds[kind]
        if not kinds:
            del self._children[known.key]

    def _bury(self, kind: str, identity: Identity, version: int) -> None:
        """Remember a deletion, so that a late reply to a write does not restore the object."""
        self._gone[(kind, identity)] = max(version, self._gone.pop((kind, identity), 0))
        if len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)

    def _entry(self, kind: str, manifest: Mapping[str, Any]) -> _Entry:
        trimmed = predicates.trim(kind, manifest)
        encoded = msgspec.json.encode(trimmed)
        sample = self._samples.setdefault(kind, encoded)
        compress = zlib.compressobj(_FAST, zdict=sample)
        return _Entry(
            uid=manifest["metadata"].get("uid", ""),
            version=version_of(manifest),
            key=None if kind == DATABASE else key_of(kind, manifest),
            essence=predicates.digest(kind, trimmed),
            compressed=compress.compress(encoded) + compress.flush(),
            sample=sample,
        )


def _decode(entry: _Entry) -> Manifest:
    encoded = zlib.decompressobj(zdict=entry.sample).decompress(entry.compressed)
    manifest: Manifest = msgspec.json.decode(encoded)
    return manifest
