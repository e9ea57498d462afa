"""Read the state of one database: from the watches' store, then what is missing there from the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from controller.desired import names
from controller.desired.access import former_secrets, stored_secrets
from controller.desired.labels import INSTANCE
from controller.desired.repository.children import has_lineage
from controller.desired.secrets import other_secrets
from controller.desired.secrets_watch import complete
from controller.kube.client import Kube
from controller.kube.kinds import DATABASE
from controller.kube.objects import Identity, Key, Manifest, entry_of
from controller.observe.instances.creations import Creations
from controller.observe.instances.following import not_starting, unexplained, wants_removed_wal
from controller.observe.instances.inquiry import Inquiry
from controller.observe.instances.instance import Instance
from controller.observe.instances.manifests import (
    claim,
    configuration,
    instance,
    leadership,
)
from controller.observe.instances.progress import Progress
from controller.observe.instances.servers import Servers
from controller.observe.instances.starting import explained, start_failure
from controller.observe.ownership import part
from controller.observe.restore.past import with_former_data
from controller.observe.restore.reader import SourceReader
from controller.observe.secrets import SecretReader
from controller.observe.state import (
    DATABASE_CONTAINER,
    Children,
    Leadership,
    ObservedState,
)
from controller.observe.surroundings import Surroundings
from controller.patroni import Patroni
from controller.protocol.member import moment
from controller.watches.cache import Cache

_LOG_SECONDS, _LOG_LINES = 30, 500
"""How much of a standby's log is read: it asks for WAL every 5 s (wal_retrieve_retry_interval)."""


_BY_NAME = frozenset({"Secret", "Certificate"})
"""Kinds that are read by name with the Secrets, and not watched."""


class Observer:
    """Reads the state of databases; changes nothing."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        patroni: Patroni,
        progress: Progress,
        creations: Creations,
        secrets: SecretReader,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._progress = progress
        self._creations = creations
        self._secrets = secrets
        self._sources = SourceReader(secrets, cache)
        self._inquiry = Inquiry(kube, cache, patroni)
        self._servers = Servers(patroni)
        self._surroundings = Surroundings(cache)

    async def observe(self, key: Key, *, secrets: bool) -> ObservedState:
        """Return the state of a database; with its Secrets only on request, since each costs an API read."""
        cached = self.cached(key)
        children, namespace = await self._children(key, cached, secrets=secrets)
        lead, instances = cached.leadership, cached.instances
        source = None if lead.identifier else await self._sources.read(key)
        if source is not None or names.restore_request(key.name) in children["ConfigMap"]:
            own = await self._secrets.named(key.namespace, [names.source(key.name)])
            children["Secret"] = {**children.get("Secret", {}), **own}
        claims = sorted(
            map(claim, cached.of(INSTANCE, "PersistentVolumeClaim").values()),
            key=lambda c: c.ordinal,
        )
        observed = ObservedState(
            children=children,
            instances=await self._inquiry.completed(key, children, instances),
            claims=tuple(claims),
            leadership=lead,
            configuration=configuration(children["ConfigMap"], key.name),
            forgiven=self._progress.forgiven(key, instances),
            grown=self._progress.grown(key, claims),
            kills=self._progress.kills(key, instances),
            storage_classes=self._surroundings.storage_classes(),
            nodes=self._surroundings.nodes({i.node for i in instances}),
            namespace=namespace,
            source=source,
            lacking=await self._secrets.lacking(self._cache.database(key)),
        )
        observed = replace(observed, idle=self._progress.look(key, instances, lead.holder))
        observed = await self._explained(key, observed)
        observed = replace(observed, instances=with_former_data(observed, key.name))
        return await self._asked(key, observed, instances, secrets=secrets)

    async def _children(
        self, key: Key, cached: ObservedState, *, secrets: bool
    ) -> tuple[dict[str, Mapping[str, Manifest]], tuple[Manifest, ...]]:
        """Return the children, and the namespace as an owner of a Secret where one needs that."""
        children = dict(cached.children)
        namespace: tuple[Manifest, ...] = ()
        wanted = names.patroni_state(key.name) if secrets else self._surely_made(key, cached.leadership)
        reading = self._unlabelled(key, children, wanted)
        if secrets:
            database = self._cache.database(key) or {"metadata": {"name": key.name}}
            of_roles = (*stored_secrets(database), *former_secrets(database))
            children["Secret"], unlabelled = await asyncio.gather(self._secrets.read(key, of_roles), reading)
            namespace = await self._secrets.owner(key, children["Secret"])
            if self._has_issuer(key, children["Secret"]):
                children["Certificate"], issued = await self._secrets.of_issuer(key)
                children["Secret"] = {**children["Secret"], **issued}
        else:
            unlabelled = await reading
        children["ConfigMap"] = {**children.get("ConfigMap", {}), **unlabelled}
        return children, namespace

    async def _asked(
        self, key: Key, observed: ObservedState, instances: tuple[Instance, ...], *, secrets: bool
    ) -> ObservedState:
        """Add what servers, their logs and dry runs tell; `instances` as their pods are."""
        version, certificates, creation = await asyncio.gather(
            self._servers.version(key, observed),
            self._servers.certificates(observed.instances if secrets else ()),
            self._creations.look(key, observed.statefulset, instances),
        )
        without_wal = frozenset(
            [i.uid for i in unexplained(observed) if wants_removed_wal(await self._log(key, i))]
        )
        return replace(
            observed,
            without_wal=without_wal,
            server_version=version,
            certificates=certificates,
            creation=creation,
            moved=await self._servers.moved(observed),
        )

    def cached(self, key: Key) -> ObservedState:
        """Return what the watches' store knows of the database, without any request."""
        children = {
            kind: {name: child for name, child in found.items() if part(kind, child, key.name)}
            for kind, found in self._cache.children(key).items()
        }
        pods = sorted(map(instance, ObservedState(children).pods.values()), key=lambda i: i.ordinal)
        # `children` has no foreign objects, so only the database's own lock counts.
        lead = leadership(children.get("ConfigMap", {}), key.name)
        before = self._cache.terms.before(Identity(key.namespace, names.lock(key.name)))
        if before is not None:
            lead = replace(lead, former=before.holder, former_renewed=moment(before.renewed))
        return ObservedState(children=children, instances=tuple(pods), leadership=lead)

    def all_secrets_there(self, key: Key, database: Manifest) -> bool:
        """Whether the watches would have told of a Secret that was deleted, and did not.

        `database` is the object: what it declares may need Secrets that are not there yet. So may the
        settings of backups, if somebody has deleted them.
        """
        watch = self._cache.object("ConfigMap", key.namespace, names.secrets_watch(key.name))
        others, of_roles = other_secrets(database), stored_secrets(database)
        settings = self._cache.object("ConfigMap", key.namespace, names.backup_settings(key.name))
        whole = complete(watch, key.name, (*others, *of_roles))
        return whole and (not others or has_lineage(settings))

    async def _explained(self, key: Key, observed: ObservedState) -> ObservedState:
        """Add why servers do not start, which only their logs tell."""
        failed = [i for i in observed.instances if not_starting(i)]
        if not failed:
            return observed
        logs = await asyncio.gather(*(self._log(key, i) for i in failed))
        failures = {i.uid: start_failure(log) for i, log in zip(failed, logs, strict=True)}
        instances = (replace(i, trouble=explained(i, failures.get(i.uid))) for i in observed.instances)
        damaged = {uid: failure.words for uid, failure in failures.items() if failure and failure.damaged}
        return replace(observed, instances=tuple(instances), damaged=damaged)

    async def _log(self, key: Key, instance: Instance) -> str:
        return await self._kube.log(
            key.namespace, instance.name, DATABASE_CONTAINER, seconds=_LOG_SECONDS, lines=_LOG_LINES
        )

    def _has_issuer(self, key: Key, secrets: Mapping[str, Manifest]) -> bool:
        """Whether an issuer's certificate is declared, or was: what was is to go."""
        tls = ((self._cache.database(key) or {}).get("spec") or {}).get("tls")
        declared = isinstance(tls, dict) and bool(tls.get("issuerRef"))
        return declared or bool(entry_of(secrets.get(names.tls_secret(key.name)), "server.crt"))

    def _surely_made(self, key: Key, lead: Leadership) -> tuple[str, ...]:
        """Name the ConfigMaps that Patroni has made if there is data: one that is not here lost its label."""
        spec = (self._cache.database(key) or {}).get("spec") or {}
        waits = spec.get("synchronous") != "Off"
        return (names.lock(key.name), *([names.sync(key.name)] if waits else [])) if lead.identifier else ()

    async def _unlabelled(self, key: Key, children: Children, wanted: Iterable[str]) -> dict[str, Manifest]:
        """Find ConfigMaps without our label that have the names Patroni needs; no watch reports them.

        Patroni would try forever to create them, and there would be no primary.
        """
        known = children.get("ConfigMap", {})
        made_by_patroni = set(wanted) - {names.config(key.name)}
        missing = sorted(made_by_patroni - known.keys())
        found = await asyncio.gather(*(self._kube.get("ConfigMap", key.namespace, name) for name in missing))
        return {name: live for name, live in zip(missing, found, strict=True) if live is not None}

    async def unseen(
        self, key: Key, absent: Iterable[Manifest], observed: ObservedState
    ) -> ObservedState | None:
        """Read children that seemed to be missing, and add those that exist; None if none does.

        A child without our label is not in the cache, and may belong to somebody else. Secrets are not read:
        they were read by name already, and will be again in the next reconcile; so are Certificates.
        """
        wanted = [(m["kind"], m["metadata"]["name"]) for m in absent if m["kind"] not in _BY_NAME]
        found = await asyncio.gather(*(self._kube.get(kind, key.namespace, name) for kind, name in wanted))
        children = {kind: dict(manifests) for kind, manifests in observed.children.items()}
        seen = False
        for (kind, name), manifest in zip(wanted, found, strict=True):
            if manifest is not None:
                children.setdefault(kind, {})[name] = manifest
                seen = True
        return replace(observed, children=children) if seen else None

    async def overtaken(self, key: Key, observed: ObservedState, *, lock: bool = True) -> str | None:
        """Say how Patroni's state differs from this one: another primary, or a pause.

        It is read live, as watches may lag; None when nothing has changed. Without `lock` only the pause is
        looked for.
        """
        wanted = [names.config(key.name), *([names.lock(key.name)] if lock else [])]
        found = await asyncio.gather(*(self._kube.get("ConfigMap", key.namespace, name) for name in wanted))
        live = {name: manifest for name, manifest in zip(wanted, found, strict=True) if manifest is not None}
        for manifest in live.values():
            self._cache.put("ConfigMap", manifest)
        now = leadership(live, key.name)
        if lock and now.holder != observed.leadership.holder:
            return "the leader lock has changed hands in the meantime"
        if now.paused and not observed.leadership.paused:
            return "Patroni was paused in the meantime"
        return None

    async def irreplaceable(self, key: Key, observed: ObservedState, pod: str) -> str:
        """Return why a pod that is to be replaced could not be created anew; "" if it could."""
        statefulset = observed.statefulset
        return await self._creations.refused(key, statefulset, pod) if statefulset else ""

    async def ended(self, key: Key, uid: str) -> bool:
        """Whether the database of that UID is gone or being deleted; read live, as watches may lag."""
        live = await self._kube.get(DATABASE, key.namespace, key.name)
        return live is None or live["metadata"]["uid"] != uid or "deletionTimestamp" in live["metadata"]

    def forget(self, key: Key) -> None:
        """Forget a database that was deleted."""
        self._servers.forget(key)
        self._progress.forget(key)
        self._creations.forget(key)
