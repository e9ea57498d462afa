"""Execute one action of a plan; the only module that writes to child objects and changes Patroni."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import assert_never

from controller.certificates.keys import DatabaseKeys
from controller.desired import names
from controller.desired.child import NOT_PRUNED
from controller.desired.labels import APPLICATION
from controller.kube.answers import Conflict
from controller.kube.client import Kube
from controller.kube.kinds import DATABASE, WATCHED
from controller.kube.objects import Identity, Manifest
from controller.observe.instances.instance import REBUILDS, ROLE_LABEL
from controller.observe.state import RETRIED
from controller.patroni import NO_ANSWER, Patroni, Reply
from controller.plan.actions import (
    Apply,
    Delete,
    DeletePod,
    Discard,
    Disruption,
    EndTries,
    GrowClaim,
    Identify,
    KeepClaim,
    OfClaim,
    Rebuild,
    RelabelStandby,
    ReleaseLock,
    Reload,
    Remedy,
    RestartPostgres,
    RetryPods,
    SetFinalizers,
    Single,
    Switchover,
    TriggerLoop,
    Uninitialize,
)
from controller.plan.credentials import database_keys
from controller.plan.interruption import Declined, KeysMissing
from controller.watches.cache import Cache
from schemas.api.types import PostgreSQLDatabase

# Time for the standby that was asked to write what the primary is woken for: usually 0.2 s. For a switchover
# it checks the others and writes /failover; for its own restart it writes its annotation.
_WRITTEN_SECONDS = 0.4
_WAKE_ATTEMPTS = 2
# A switchover takes 1 s, and continues even if nobody waits for it. If the primary dies during it, the next
# reconcile releases its lock; that must not wait the 20 s after which Patroni answers that it timed out.
_SWITCHOVER_SECONDS = 7.0
# Whether the watch has reported another primary: Patroni looks once a second, and has answered 5 s late.
_LOOK_SECONDS = 0.05


class Actor:
    """Executes actions."""

    def __init__(self, kube: Kube, cache: Cache, patroni: Patroni) -> None:
        self._kube = kube
        self._cache = cache
        self._patroni = patroni

    async def act(self, db: PostgreSQLDatabase, action: Single) -> None:
        """Execute one action but Execute; raises KubeError or Interruption."""
        namespace = db.metadata.namespace
        match action:
            case Apply():
                await self._apply(action)
            case Delete(kind=kind, name=name, uid=uid, version=version, namespace=where):
                await self._kube.delete(kind, where, name, uid=uid, resource_version=version)
            case GrowClaim() | KeepClaim() | RetryPods() | EndTries():
                await self._ask(namespace, action)
            case SetFinalizers(finalizers=finalizers):
                await self._set_finalizers(db, finalizers)
            case Reload() | TriggerLoop():
                await self._remind(action, await self._keys(db))
            case ReleaseLock() | RelabelStandby() | Identify() | Uninitialize():
                await self._remedy(namespace, action)
            case DeletePod() | RestartPostgres() | Switchover() | Rebuild() | Discard():
                await self._disturb(db, action)
            case _:
                assert_never(action)

    async def _ask(self, namespace: str, action: OfClaim | RetryPods | EndTries) -> None:
        """Ask controllers of Kubernetes' own, or those who prune, for something."""
        if isinstance(action, RetryPods):
            body: Manifest = {"metadata": {"annotations": {RETRIED: action.moment}}}
            self._seen(await self._kube.patch("StatefulSet", namespace, action.statefulset, body))
        elif isinstance(action, EndTries):
            body = {"spec": {"backoffLimit": 0}}
            patched = self._kube.patch("Job", namespace, action.job, body, resource_version=action.version)
            self._seen(await patched)
        else:
            body = _change(action)
            self._seen(await self._kube.patch("PersistentVolumeClaim", namespace, action.name, body))

    async def _apply(self, action: Apply) -> None:
        """Write a child. Raises Conflict when it has changed; the next reconcile sees the change."""
        manifest = action.manifest
        try:
            live = await self._kube.apply(manifest, absent=action.absent, resource_version=action.version)
        except Conflict:
            if action.version is not None:
                metadata = manifest["metadata"]
                self._seen(await self._kube.get(manifest["kind"], metadata["namespace"], metadata["name"]))
            raise
        self._seen(live)

    async def _remedy(self, namespace: str, action: Remedy) -> None:
        """Correct Patroni's state. Raises Conflict when the lock has changed: then its holder is alive."""
        match action:
            case ReleaseLock(lock=lock, version=version):
                free: Manifest = {"metadata": {"annotations": {"leader": None}}}
                live = await self._kube.patch("ConfigMap", namespace, lock, free, resource_version=version)
                self._seen(live)
            case Identify(config=config, identifier=identifier):
                identified: Manifest = {"metadata": {"annotations": {"initialize": identifier}}}
                self._seen(await self._kube.patch("ConfigMap", namespace, config, identified))
            case Uninitialize(state=state):
                for name, keys in state:
                    forgotten: Manifest = {"metadata": {"annotations": dict.fromkeys(keys)}}
                    self._seen(await self._kube.patch("ConfigMap", namespace, name, forgotten))
            case RelabelStandby(pod=pod):
                label: Manifest = {"metadata": {"labels": {ROLE_LABEL: "standby"}}}
                self._seen(await self._kube.patch("Pod", namespace, pod, label))
            case _:
                assert_never(action)

    async def _remind(self, action: Reload | TriggerLoop, keys: DatabaseKeys) -> None:
        """Make a member reload its files or run its loop now; raises Declined."""
        if isinstance(action, Reload):
            _accepted(await self._patroni.reload(action.ip, keys), action)
        else:
            # If this fails, the member runs its loop by itself some seconds later.
            await self._patroni.trigger_loop(action.ip, keys)

    async def _disturb(self, db: PostgreSQLDatabase, action: Disruption) -> None:
        """Execute a disruptive action; raises Declined when Patroni refuses."""
        match action:
            case DeletePod(name=name, uid=uid):
                await self._kube.delete("Pod", db.metadata.namespace, name, uid=uid)
            case RestartPostgres():
                _accepted(await self._restart(db, action), action)
            case Rebuild():
                await self._rebuild(db, action)
            case Discard(claim=claim, uid=uid):
                await self._kube.delete("PersistentVolumeClaim", db.metadata.namespace, claim, uid=uid)
                if action.pod:
                    await self._kube.delete("Pod", db.metadata.namespace, action.pod, uid=action.pod_uid)
            case Switchover():
                _accepted(await self._switch_over(db, action), action)
            case _:
                assert_never(action)

    async def _rebuild(self, db: PostgreSQLDatabase, action: Rebuild) -> None:
        """Count the rebuild on the pod, or raise Conflict if it is another pod; then have it cloned."""
        metadata = {"uid": action.uid, "annotations": {REBUILDS: str(action.number)}}
        live = await self._kube.patch("Pod", db.metadata.namespace, action.pod, {"metadata": metadata})
        if live is None:
            raise Declined(f"{action}: its pod is gone")
        self._seen(live)
        _accepted(await self._patroni.reinitialize(action.ip, await self._keys(db)), action)

    async def _restart(self, db: PostgreSQLDatabase, action: RestartPostgres) -> Reply:
        """Ask a member to restart its server, and wake the primary once the member has written that.

        The member waits until the primary has removed it from the synchronous standbys, which it would do in
        its next loop (Patroni 4.1, ha.py, while_not_sync_standby). The end is not waited for: a restart takes
        up to a minute, and other databases may need this worker. The next reconciles see that it goes on.
        """
        keys = await self._keys(db)
        asked = self._patroni.begin_restart(action.ip, keys)
        await asyncio.wait({asked}, timeout=_WRITTEN_SECONDS)
        if action.primary and not asked.done():
            await self._patroni.trigger_loop(action.primary, keys)
        return asked.result() if asked.done() else Reply(HTTPStatus.ACCEPTED, "under way")

    async def _switch_over(self, db: PostgreSQLDatabase, action: Switchover) -> Reply:
        """Ask a standby for the switchover, and wake the leader once the request has been written."""
        keys = await self._keys(db)
        asked = asyncio.create_task(
            self._patroni.switchover(action.asked, action.leader, action.candidate, keys)
        )
        moved = asyncio.create_task(self._succeeded(db, action.leader))
        over = partial(asyncio.wait, {asked, moved}, return_when=asyncio.FIRST_COMPLETED)
        try:
            for _ in range(_WAKE_ATTEMPTS):
                done, _ = await over(timeout=_WRITTEN_SECONDS)
                if not done:
                    await self._patroni.trigger_loop(action.ip, keys)
            await over(timeout=_SWITCHOVER_SECONDS)
            return asked.result() if asked.done() else Reply(HTTPStatus.ACCEPTED, "under way")
        finally:
            asked.cancel()
            moved.cancel()

    async def _succeeded(self, db: PostgreSQLDatabase, leader: str) -> None:
        """Return when the watch has reported that another member holds the leader lock."""
        lock = Identity(db.metadata.namespace, names.lock(db.metadata.name))
        # The cache wakes the queue only, and the key is at work here.
        while (term := self._cache.terms.newest(lock)) is None or term.holder == leader:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    async def _set_finalizers(self, db: PostgreSQLDatabase, finalizers: tuple[str, ...]) -> None:
        """Write the whole list; raises Conflict if the object changed meanwhile."""
        body = {"metadata": {"finalizers": list(finalizers)}}
        metadata = db.metadata
        live = await self._kube.patch(
            DATABASE, metadata.namespace, metadata.name, body, resource_version=metadata.resource_version
        )
        self._seen(live)

    async def _keys(self, db: PostgreSQLDatabase) -> DatabaseKeys:
        """Read the database's CA, which signs the client certificate that Patroni requires."""
        name = names.keys_secret(db.metadata.name)
        secret = await self._kube.get("Secret", db.metadata.namespace, name)
        keys = database_keys(secret) if secret else None
        if keys is None:
            raise KeysMissing(f"Secret {name} is missing or damaged; the next reconcile restores it")
        return keys

    def _seen(self, live: Manifest | None) -> None:
        """Put what was written into the cache: the next reconcile sees it, even before the watch does."""
        if live is not None and live["kind"] in WATCHED:
            self._cache.put(live["kind"], live)


def _change(action: OfClaim) -> Manifest:
    """Return the merge patch of a claim."""
    if isinstance(action, GrowClaim):
        return {"spec": {"resources": {"requests": {"storage": action.size}}}}
    return {"metadata": {"labels": {APPLICATION: None}, "annotations": dict(NOT_PRUNED)}}


def _accepted(reply: Reply, action: Single) -> None:
    if reply.status == NO_ANSWER:
        raise Declined(f"{action}: no answer from Patroni, which may do it all the same ({reply.text})")
    if not reply.accepted:
        raise Declined(f"{action}: Patroni answered {reply.status}: {reply.text}")
