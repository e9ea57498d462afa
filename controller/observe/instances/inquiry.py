"""Asks about instances what their pods do not tell in time, or only in events: nothing else tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.instances import pods
from controller.observe.instances.instance import Instance
from controller.observe.instances.starting import (
    creating,
    mounted,
    not_mounted,
    pull_secrets,
    without_secrets,
)
from controller.observe.state import Children
from controller.patroni import Patroni
from controller.watches.cache import Cache


class Inquiry:
    """Asks the API server for what pods need, and Patroni for how servers are."""

    def __init__(self, kube: Kube, cache: Cache, patroni: Patroni) -> None:
        self._kube = kube
        self._cache = cache
        self._patroni = patroni

    async def completed(
        self, key: Key, children: Children, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """Return the instances with all that was asked."""
        pulled = await self._pulls(key, children, instances)
        served = await self._serving(await self._mounts(key, children, pulled))
        return await self._restarts(served)

    async def _pulls(
        self, key: Key, children: Children, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """Look for the Secrets of an image that is not pulled: nothing else tells that one is missing."""
        used = pull_secrets(instances, children.get("Pod", {}))
        wanted = sorted({name for names in used.values() for name in names})
        found = await asyncio.gather(*(self._kube.get("Secret", key.namespace, name) for name in wanted))
        there = {name for name, secret in zip(wanted, found, strict=True) if secret is not None}
        return tuple(without_secrets(i, used.get(i.name, ()), there) for i in instances)

    async def _mounts(
        self, key: Key, children: Children, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """Look for what users mount, where the containers of an instance are not made yet."""
        found = children.get("Pod", {})
        waiting = {i.name for i in instances if creating(i, found.get(i.name, {}))}
        spec = (self._cache.database(key) or {}).get("spec") or {}
        wanted = mounted(spec.get("template")) if waiting else []
        there = await asyncio.gather(*(self._kube.get(kind, key.namespace, name) for kind, name in wanted))
        missing = [each for each, live in zip(wanted, there, strict=True) if live is None]
        return tuple(not_mounted(i, missing) if i.name in waiting else i for i in instances)

    async def _serving(self, instances: Sequence[Instance]) -> tuple[Instance, ...]:
        """Ask the servers whose pods are not Ready for another container's sake: they serve if they answer.

        Nothing that keddah does about the server may follow from what is beside it.
        """
        asked = [i for i in instances if i.beside and not i.deleting]
        answers = await asyncio.gather(*(self._patroni.member(i.ip) for i in asked))
        there = {i.name for i, said in zip(asked, answers, strict=True) if said is not None}
        return tuple(replace(i, ready=True) if i.name in there else i for i in instances)

    async def _restarts(self, instances: Sequence[Instance]) -> tuple[Instance, ...]:
        """Ask the pods with a pending restart whether it still is: annotations are a Patroni loop old.

        Otherwise a parameter that was reverted in time would still cost a switchover.
        """
        instances = [replace(i, restarting=self._patroni.restarting(i.ip)) for i in instances]
        asked = [i for i in instances if i.pending_restart is not None and i.ready and not i.restarting]
        answers = await asyncio.gather(*(self._patroni.member(i.ip) for i in asked))
        told = {i.name: said for i, said in zip(asked, answers, strict=True) if said is not None}
        over = {name for name, said in told.items() if pods.pending_restart(said) is None}
        return tuple(replace(i, pending_restart=None) if i.name in over else i for i in instances)
