"""Asks servers what only they know: their version, and the certificate that they show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from controller.kube.objects import Key
from controller.observe.instances.editions import behind, in_force
from controller.observe.instances.instance import Instance
from controller.observe.state import ObservedState
from controller.patroni import Patroni


class Servers:
    """Asks by way of Patroni, which answers for its server."""

    def __init__(self, patroni: Patroni) -> None:
        self._patroni = patroni
        self._versions: dict[Key, tuple[str, str]] = {}
        """Of primaries: the start of the container, and the version."""

    async def version(self, key: Key, observed: ObservedState) -> str | None:
        """Return what the primary reports, asked once for each start of its container."""
        primary = observed.primary
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

    async def moved(self, observed: ObservedState) -> dict[str, str | None]:
        """Ask the pods of the newest edition for their version, while others are not of it yet."""
        newest = in_force(observed)
        late = behind(observed, newest) if newest else []
        asked = [i for i in observed.instances if late and i.name not in late and i.ready and not i.deleting]
        versions = await asyncio.gather(*(self._patroni.server_version(i.ip) for i in asked))
        return {i.name: version for i, version in zip(asked, versions, strict=True)}

    async def certificates(self, instances: Iterable[Instance]) -> dict[str, str]:
        """Return the certificates that instances show, PEM, by their names, as far as they answer."""
        asked = [i for i in instances if i.ready and not i.deleting]
        served = await asyncio.gather(*(self._patroni.certificate(i.ip) for i in asked))
        return {i.name: pem for i, pem in zip(asked, served, strict=True) if pem is not None}

    def forget(self, key: Key) -> None:
        """Forget a database that was deleted."""
        self._versions.pop(key, None)
