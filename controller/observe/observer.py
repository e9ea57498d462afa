"""Read the state of one database: from the watches' store, then what is missing there from the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from controller.desired import names
from controller.kube.client import Kube
from controller.kube.kinds import NODE, STORAGE_CLASS
from controller.kube.objects import Identity, Key
from controller.observe.following import unexplained, wants_removed_wal
from controller.observe.images import behind, image_in_force
from controller.observe.manifests import claim, configuration, instance, leadership, node, storage_class
from controller.observe.ownership import part
from controller.observe.patroni import Patroni
from controller.observe.pods import moment
from controller.observe.progress import Progress
from controller.observe.world import (
    DATABASE_CONTAINER,
    Children,
    Instance,
    Manifest,
    Node,
    StorageClass,
    World,
)
from controller.watches.store import Store

_LOG_SECONDS, _LOG_LINES = 30, 500
"""How much of a standby's log is read: it asks for WAL every 5 s (wal_retrieve_retry_interval)."""


class Observer:
    """Reads the state of databases; changes nothing."""

    def __init__(self, kube: Kube, store: Store, patroni: Patroni, progress: Progress) -> None:
        self._kube = kube
        self._store = store
        self._patroni = patroni
        self._progress = progress
        self._versions: dict[Key, tuple[str, str]] = {}
        self._classes: dict[str, StorageClass] = {}
        self._classes_at: dict[Identity, int] = {}
        """The versions at which the classes were read."""

    async def world(self, key: Key, *, secrets: bool) -> World:
        """Return the state of a database; with its Secrets only on request, since each costs an API read."""
        cached = self.cached(key)
        children, lead, instances = dict(cached.children), cached.leadership, cached.instances
        if secrets:
            children["Secret"], unlabelled = await asyncio.gather(
                self.secrets(key), self._unlabelled(key, children)
            )
            children["ConfigMap"] = {**children.get("ConfigMap", {}), **unlabelled}
        claims = sorted(
            (claim(manifest) for manifest in children.get("PersistentVolumeClaim", {}).values()),
            key=lambda c: c.ordinal,
        )
        world = World(
            children=children,
            instances=await self._restarts(instances),
            claims=tuple(claims),
            leadership=lead,
            configuration=configuration(children.get("ConfigMap", {}), key.name),
            forgiven=self._progress.forgiven(key, instances),
            grown=self._progress.grown(key, claims),
            storage_classes=self._storage_classes(),
            nodes=self._nodes({i.node for i in instances}),
        )
        world = replace(world, idle=self._progress.look(key, instances, lead.holder))
        version, certificates = await asyncio.gather(
            self._server_version(key, world), self._certificates(world.instances if secrets else ())
        )
        without_wal = frozenset([i.uid for i in unexplained(world) if await self._wants_wal(key, i)])
        moved = await self._moved(world)
        return replace(
            world, without_wal=without_wal, server_version=version, certificates=certificates, moved=moved
        )

    def cached(self, key: Key) -> World:
        """Return what the watches' store knows of the database, without any request."""
        children = {
            kind: {name: child for name, child in found.items() if part(kind, child, key.name)}
            for kind, found in self._store.children(key).items()
        }
        pods = sorted((instance(pod) for pod in children.get("Pod", {}).values()), key=lambda i: i.ordinal)
        # `children` has no foreign objects, so only the database's own lock counts.
        lead = leadership(children.get("ConfigMap", {}), key.name)
        before = self._store.terms.before(Identity(key.namespace, names.lock(key.name)))
        if before is not None:
            lead = replace(lead, former=before.holder, former_renewed=moment(before.renewed))
        return World(children=children, instances=tuple(pods), leadership=lead)

    async def _wants_wal(self, key: Key, standby: Instance) -> bool:
        log = await self._kube.log(
            key.namespace, standby.name, DATABASE_CONTAINER, seconds=_LOG_SECONDS, lines=_LOG_LINES
        )
        return wants_removed_wal(log)

    async def _restarts(self, instances: Sequence[Instance]) -> tuple[Instance, ...]:
        """Ask the pods with a pending restart whether it still is: annotations are a Patroni loop old.

        Otherwise a parameter that was reverted in time would still cost a switchover.
        """
        asked = [i for i in instances if i.pending_restart is not None and i.ready]
        answers = await asyncio.gather(*(self._patroni.pending_restart(i.ip) for i in asked))
        over = {i.name for i, pending in zip(asked, answers, strict=True) if pending is False}
        return tuple(replace(i, pending_restart=None) if i.name in over else i for i in instances)

    async def _certificates(self, instances: Iterable[Instance]) -> dict[str, str]:
        asked = [i for i in instances if i.ready and not i.deleting]
        served = await asyncio.gather(*(self._patroni.certificate(i.ip) for i in asked))
        return {i.name: pem for i, pem in zip(asked, served, strict=True) if pem is not None}

    async def _moved(self, world: World) -> dict[str, str | None]:
        """Ask the pods that already run the new image for their version, while others do not run it yet."""
        image = image_in_force(world)
        late = behind(world, image) if image else []
        asked = [i for i in world.instances if late and i.name not in late and i.ready and not i.deleting]
        versions = await asyncio.gather(*(self._patroni.server_version(i.ip) for i in asked))
        return {i.name: version for i, version in zip(asked, versions, strict=True)}

    def _storage_classes(self) -> dict[str, StorageClass]:
        """Return every StorageClass; they are parsed again only when the watch reports a change."""
        versions = self._store.versions(STORAGE_CLASS)
        if versions != self._classes_at:
            found = self._store.objects(STORAGE_CLASS)
            self._classes = {name: storage_class(manifest) for name, manifest in found.items()}
            self._classes_at = versions
        return self._classes

    def _nodes(self, names: set[str]) -> dict[str, Node]:
        found = {name: self._store.object(NODE, "", name) for name in names if name}
        return {name: node(manifest) for name, manifest in found.items() if manifest is not None}

    async def secrets(self, key: Key) -> dict[str, Manifest]:
        """Read the database's Secrets, which may be neither listed nor watched."""
        wanted = names.secrets(key.name)
        found = await asyncio.gather(*(self._kube.get("Secret", key.namespace, name) for name in wanted))
        return {name: manifest for name, manifest in zip(wanted, found, strict=True) if manifest is not None}

    async def _unlabelled(self, key: Key, children: Children) -> dict[str, Manifest]:
        """Find ConfigMaps without our label that have the names Patroni needs; no watch reports them.

        Patroni would try forever to create them, and there would be no primary.
        """
        known = children.get("ConfigMap", {})
        made_by_patroni = set(names.patroni_state(key.name)) - {names.config(key.name)}
        missing = sorted(made_by_patroni - known.keys())
        found = await asyncio.gather(*(self._kube.get("ConfigMap", key.namespace, name) for name in missing))
        return {name: live for name, live in zip(missing, found, strict=True) if live is not None}

    async def unseen(self, key: Key, absent: Iterable[Manifest], world: World) -> World | None:
        """Read children that seemed to be missing, and add those that exist to the world; None if none does.

        A child without our label is not in the store, and may belong to somebody else. Secrets are not read:
        they were read by name already, and will be again in the next reconcile.
        """
        wanted = [(m["kind"], m["metadata"]["name"]) for m in absent if m["kind"] != "Secret"]
        found = await asyncio.gather(*(self._kube.get(kind, key.namespace, name) for kind, name in wanted))
        children = {kind: dict(manifests) for kind, manifests in world.children.items()}
        seen = False
        for (kind, name), manifest in zip(wanted, found, strict=True):
            if manifest is not None:
                children.setdefault(kind, {})[name] = manifest
                seen = True
        return replace(world, children=children) if seen else None

    async def overtaken(self, key: Key, world: World) -> bool:
        """Whether the leader lock has another holder than in this world; read live, as watches may lag."""
        name = names.lock(key.name)
        live = await self._kube.get("ConfigMap", key.namespace, name)
        if live is not None:
            self._store.put("ConfigMap", live)
        now = leadership({name: live} if live else {}, key.name)
        return now.holder != world.leadership.holder

    def forget(self, key: Key) -> None:
        """Forget a database that was deleted."""
        self._versions.pop(key, None)
        self._progress.forget(key)

    async def _server_version(self, key: Key, world: World) -> str | None:
        """Return what the primary reports, asked once for each start of its container."""
        primary = world.primary
        if primary is None or not primary.ready:
            return None
        known = self._versions.get(key)
        if known and known[0] == primary.start_id:
            return known[1]
        version = await self._patroni.server_version(primary.ip)
        if version is None:
            return None
        self._versions[key] = (primary.start_id, version)
        return version
