"""Reads what a database depends on and shares with others: nodes and StorageClasses."""

from __future__ import annotations

from collections.abc import Iterable

from controller.kube.kinds import NODE, STORAGE_CLASS
from controller.kube.objects import Identity
from controller.observe.instances.manifests import node, storage_class
from controller.observe.state import Node, StorageClass
from controller.watches.cache import Cache


class Surroundings:
    """Nodes and StorageClasses, from the watches' store; None where keddah may not read them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._classes: dict[str, StorageClass] = {}
        self._classes_at: dict[Identity, int] = {}
        """The versions at which the classes were read."""

    def storage_classes(self) -> dict[str, StorageClass] | None:
        """Return every StorageClass; they are parsed again only when the watch reports a change."""
        if not self._cache.knows(STORAGE_CLASS):
            return None
        versions = self._cache.versions(STORAGE_CLASS)
        if versions != self._classes_at:
            found = self._cache.objects(STORAGE_CLASS)
            self._classes = {name: storage_class(manifest) for name, manifest in found.items()}
            self._classes_at = versions
        return self._classes

    def nodes(self, names: Iterable[str]) -> dict[str, Node] | None:
        """Return the nodes of these names, as far as they exist; "" is a pod's that has none yet."""
        if not self._cache.knows(NODE):
            return None
        found = {name: self._cache.object(NODE, "", name) for name in names if name}
        return {name: node(manifest) for name, manifest in found.items() if manifest is not None}
