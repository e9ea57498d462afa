"""Leader election by a Lease (coordination.k8s.io), with one request for each renewal.

Safety rests on two numbers: a holder stops acting `RENEW_DEADLINE` seconds after it *sent* its last good
renewal, and nobody takes over before `DURATION` seconds without a change, both by monotonic clocks of
their own; the clocks of two machines are never compared.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn, Protocol

from controller.kube.answers import Conflict, KubeError
from controller.kube.kinds import KINDS, LEASE
from controller.kube.objects import Manifest, micro_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

logger = logging.getLogger(__name__)

DURATION = 15.0
RENEW_DEADLINE = 10.0
"""Both are client-go's defaults. A node that is lost with the leader and a primary on it leaves the database
for up to 20 s (Patroni's ttl): the next leader is there by then, and reports the failover as it happens."""
RENEW_EVERY = 4.0
LOOK_EVERY = 2.0
"""Of a replica that waits, as in client-go (RetryPeriod). It counts the duration from when it sees a renewal,
so the later it looks, the later it takes over."""
RETRY_EVERY = 1.0
ATTEMPT = 3.0
"""Seconds for one try: a connection that died silently must leave time for another one."""

_NOT_FOUND = 404


class LeadershipLost(Exception):  # noqa: N818 - what happened
    """Another replica may be the leader now: this process must not write any more."""


class Leases(Protocol):
    """The part of the API client that an election needs."""

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Read an object."""

    async def create(self, manifest: Manifest) -> Manifest:
        """Create it; Conflict when it is there."""

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace it; Conflict when it has changed."""


class LeaseTerm:
    """How long this process may still act as leader, by its monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = float("-inf")

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when it is over."""
        return max(0.0, self._until - self._clock())

    def extend(self, since: float) -> None:
        """Act until the renew deadline after a renewal that was sent at `since`."""
        self._until = since + RENEW_DEADLINE

    def end(self) -> None:
        """Stop acting."""
        self._until = float("-inf")

    def check(self) -> None:
        """Raise LeadershipLost when the term is over: asked before every write."""
        if not self.left:
            raise LeadershipLost("the term is over")


class Leader:
    """One candidate of the election."""

    def __init__(
        self,
        leases: Leases,
        term: LeaseTerm,
        *,
        namespace: str,
        identity: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._leases = leases
        self._term = term
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._now = now
        self._random = random
        self._sleep = sleep
        self._lease: Manifest = {}
        self._seen: tuple[str, float] = ("", 0.0)
        self._ends = float("inf")
        """When the lease of another ends, if it is not renewed."""

    async def acquire(self) -> None:
        """Wait until this replica holds the Lease; retries while the API server does not answer."""
        waiting_for = ""
        while True:
            try:
                holder = await self._try()
            except KubeError as error:
                holder = f"the API server: {error}"
            if holder == self._identity:
                logger.info("Became leader identity=%s", self._identity)
                return
            if holder != waiting_for:
                logger.info("Waited for the lease holder=%r identity=%s", holder, self._identity)
                waiting_for = holder
            await self._sleep(self._pause())

    def _pause(self) -> float:
        """Return the seconds until the next look: a few, or fewer if the lease ends sooner."""
        left = self._ends - self._clock()
        usual = LOOK_EVERY * (0.8 + 0.4 * self._random())
        return min(usual, left) if left > 0 else usual

    async def hold(self) -> NoReturn:
        """Renew the Lease until that fails; then raises LeadershipLost."""
        while True:
            await self._sleep(RENEW_EVERY)
            await self._renew()

    async def release(self) -> None:
        """Stop acting and release the Lease, so that another replica takes over at once; one attempt only."""
        self._term.end()
        if not self._lease:
            return
        try:
            try:
                await self._write("", 1.0)
            except Conflict:  # the last renewal was still under way
                self._lease = await self._leases.get("Lease", self._namespace, LEASE) or self._lease
                if self._lease["spec"]["holderIdentity"] == self._identity:
                    await self._write("", 1.0)
            logger.info("Released the lease identity=%s", self._identity)
        except KubeError as error:
            logger.warning("Could not release the lease error=%r", str(error))

    async def _try(self) -> str:
        """Take the lease if it is free; return who holds it now."""
        since = self._clock()
        lease = await self._leases.get("Lease", self._namespace, LEASE)
        try:
            if lease is None:
                self._lease = await self._leases.create(self._manifest(self._identity, DURATION, 0))
            elif self._free(lease):
                self._lease = lease
                await self._write(self._identity, DURATION)
            else:
                return str(lease["spec"]["holderIdentity"])
        except Conflict:
            return "another replica, which was faster"
        self._term.extend(since)
        return self._identity

    def _free(self, lease: Manifest) -> bool:
        """Whether it is free, held by this replica, or was not renewed for its duration.

        The same identity is the container before this one: the kubelet never runs two of them at once.
        """
        spec = lease.get("spec") or {}
        version = lease["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, self._clock())
        if spec.get("holderIdentity") in (None, "", self._identity):
            return True
        self._ends = self._seen[1] + float(spec.get("leaseDurationSeconds") or DURATION)
        return self._clock() >= self._ends

    async def _renew(self) -> None:
        while self._term.left:
            since = self._clock()
            try:
                async with asyncio.timeout(min(ATTEMPT, self._term.left)):
                    await self._write(self._identity, DURATION)
            except Conflict:
                await self._look_again()
            except (KubeError, TimeoutError) as error:
                why = str(error) or type(error).__name__
                logger.warning("Could not renew the lease error=%r left=%.1f", why, self._term.left)
                await self._sleep(min(RETRY_EVERY, self._term.left))
            else:
                self._term.extend(since)
                return
        raise LeadershipLost("the lease could not be renewed in time")

    async def _look_again(self) -> None:
        """Read the lease after somebody wrote it; raises LeadershipLost when another one holds it."""
        try:
            async with asyncio.timeout(min(ATTEMPT, self._term.left)):
                lease = await self._leases.get("Lease", self._namespace, LEASE)
        except (KubeError, TimeoutError):
            return
        holder = ((lease or {}).get("spec") or {}).get("holderIdentity")
        if lease is not None and holder != self._identity:
            self._term.end()
            raise LeadershipLost(f"the lease was taken by {holder!r}")
        self._lease = lease or self._lease

    async def _write(self, holder: str, seconds: float) -> None:
        spec = self._lease.get("spec") or {}
        changes = int(spec.get("leaseTransitions") or 0) + (spec.get("holderIdentity") != holder)
        fresh = self._manifest(holder, seconds, changes, self._lease)
        try:
            self._lease = await self._leases.replace(fresh)
        except KubeError as error:
            if error.status != _NOT_FOUND:
                raise
            self._lease = await self._leases.create(self._manifest(holder, seconds, changes))

    def _manifest(
        self, holder: str, seconds: float, changes: int, before: Manifest | None = None
    ) -> Manifest:
        moment = micro_time(self._now())
        spec = (before or {}).get("spec") or {}
        acquired = spec.get("acquireTime") if spec.get("holderIdentity") == holder else moment
        metadata = {"name": LEASE, "namespace": self._namespace}
        if before:
            metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        return {
            "apiVersion": KINDS["Lease"].api_version,
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": int(seconds),
                "acquireTime": acquired,
                "renewTime": moment,
                "leaseTransitions": changes,
            },
        }
