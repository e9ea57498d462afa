"""Compares the cache with the API server: once before anything is reconciled, and then periodically.

A resync lists the metadata of one kind. An object that is in the cache and not in the list was deleted while
no watch was running: it is dropped. An object that is listed and, a while later, still not in the cache was
missed by the watch: it is read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from controller.kube.answers import KubeError
from controller.kube.kinds import KINDS
from controller.kube.objects import identity_of, version_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.kube.client import Kube
    from controller.kube.objects import Identity, Key
    from controller.watches.cache import Cache

logger = logging.getLogger(__name__)

PERIOD = 600.0
"""Seconds between two resyncs of the same kind."""
_SETTLE = 5.0
_LOOK_EVERY = 0.05
_LIST_AGAIN = 5.0
"""Seconds after which the list is read again, since it may be out of date itself."""


class Resync:
    """Compares the cache with lists; `enqueue` is called with kind and database of each difference."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        kinds: tuple[str, ...],
        *,
        namespaces: tuple[str, ...] = (),
        selectors: Callable[[str], tuple[str, str]],
        enqueue: Callable[[str, Key | None], None],
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._kinds = kinds
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._selectors = selectors
        self._enqueue = enqueue
        self._random = random
        self._sleep = sleep
        self._suspected: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()

    async def fill(self) -> None:
        """Wait until the cache holds every object of every kind; retries while the API server fails.

        Until then a missing object means nothing, so nothing may be reconciled.
        """
        for kind in self._kinds:
            while not await self._filled(kind):
                await self._sleep(_LOOK_EVERY)

    async def run(self) -> None:
        """Resync one kind after another, evenly spread over PERIOD, and a suspected kind at once."""
        kinds = list(self._kinds)
        while True:
            pause = PERIOD / len(kinds) * (0.75 + 0.5 * self._random())
            try:
                async with asyncio.timeout(pause):
                    kind = await self._suspected.get()
                self._queued.discard(kind)
            except TimeoutError:
                kind = kinds.pop(0)
                kinds.append(kind)
            try:
                await self.check(kind)
            except KubeError as error:
                logger.warning("Could not resync kind=%s error=%r", kind, str(error))

    def suspect(self, kind: str) -> None:
        """Resync a kind soon: its watch was restarted, and may have missed deletions."""
        if kind not in self._queued:
            self._queued.add(kind)
            self._suspected.put_nowait(kind)

    async def check(self, kind: str) -> int:
        """Correct the cache for one kind; return how many objects were wrong."""
        listed, version = await self._list(kind)
        known = self._cache.versions(kind)
        gone = [identity for identity in known if identity not in listed]
        wrong = sum(self._drop(kind, identity, version) for identity in gone)
        late = [identity for identity in listed if known.get(identity, -1) < listed[identity]]
        if late:
            await self._sleep(_SETTLE)
            now_known = self._cache.versions(kind)
            missed = [identity for identity in late if now_known.get(identity, -1) < listed[identity]]
            wrong += sum([await self._read(kind, identity) for identity in missed])
        if wrong:
            logger.warning("Resynced and repaired kind=%s objects=%d", kind, wrong)
        return wrong

    async def _filled(self, kind: str) -> bool:
        try:
            listed, _ = await self._list(kind)
        except KubeError as error:
            logger.warning("Could not list kind=%s error=%r", kind, str(error))
            await self._sleep(1.0)
            return False
        for _ in range(int(_LIST_AGAIN / _LOOK_EVERY)):
            known = self._cache.versions(kind)
            if all(known.get(identity, -1) >= version for identity, version in listed.items()):
                return True
            await self._sleep(_LOOK_EVERY)
        return False

    async def _list(self, kind: str) -> tuple[dict[Identity, int], int]:
        """List a kind in each namespace, with the oldest of the versions: it is true of all of them."""
        labels, fields = self._selectors(kind)
        listings = [
            await self._kube.list_metadata(kind, namespace, labels, fields)
            for namespace in (self._namespaces if KINDS[kind].namespaced else (None,))
        ]
        items = (item for listing in listings for item in listing.items)
        versions = {identity_of(item): version_of(item) for item in items}
        return versions, min(listing.version for listing in listings)

    def _drop(self, kind: str, identity: Identity, version: int) -> bool:
        owner = self._cache.owner(kind, identity)
        dropped = self._cache.remove(kind, identity, version)
        if dropped:
            self._enqueue(kind, owner)
        return dropped

    async def _read(self, kind: str, identity: Identity) -> bool:
        manifest = await self._kube.get(kind, identity.namespace or None, identity.name)
        if manifest is None or not self._cache.put(kind, manifest):
            return False
        self._enqueue(kind, self._cache.owner(kind, identity))
        return True
