"""kopf as a source of events and nothing else: each handler is one line that feeds the store and the queue.

No on.create, timers, daemons, finalizers, peering or admission server of kopf. Watches are filtered by the
API server (`label_selectors`, `field_selectors`), so that pods and ConfigMaps of others cost nothing.

kopf does not report objects that were deleted while a watch had to be restarted ("410 Gone" and a new list).
Every list after the first is reported to `feed.relisted`, and a resync compares (see resync.py).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory  # no public name leads to it

from controller.kube.kinds import (
    CHILDREN,
    CONFIGURATION,
    DATABASE_LABEL,
    KINDS,
    WEBHOOK_CONFIGURATIONS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from controller.kube.client import Kube
    from controller.kube.kinds import Kind

# The API server ends a watch after 30 to 60 minutes of its own choosing; it sends a bookmark every minute.
# A stream in which two of them are missing is dead, whatever TCP believes.
_SILENCE_SECONDS = 150.0
_CHUNK = 50
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 15.0


class Feed(Protocol):
    """The receiver of watch events."""

    def seen(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Record that an object exists, with this manifest."""

    def gone(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Record that an object is gone, or no longer matches the watch's selector."""

    def listed(self, kind: str) -> None:
        """Record that an object came from a list and not from a watch."""


class _NoDifferences(kopf.DiffBaseStorage):
    """Saves kopf the deep copies for its diffs, which we do not use."""

    def build(self, **_: object) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: object) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Backoff:
    """Seconds between attempts to reach the API server: doubling, with jitter, endless."""

    random: Callable[[], float]

    def __iter__(self) -> Iterator[float]:
        wait = _FIRST_BACKOFF
        while True:
            yield wait * (0.75 + 0.5 * self.random())
            wait = min(wait * 2, _LONGEST_BACKOFF)


class _NoMemories(ResourceMemories):
    """Keeps nothing of an object between its events, which kopf does for handlers of changes and timers.

    It is a kilobyte for each object, and a database has some twenty.
    """

    async def recall(self, raw_body: kopf.RawBody, **settings: Any) -> ResourceMemory:  # noqa: ANN401 - kopf's own
        return await super().recall(raw_body, **{**settings, "ephemeral": True})


def selectors(kind: str) -> tuple[str, str]:
    """Return the label selector and the field selector by which a kind is watched and listed."""
    if kind in CHILDREN:
        return DATABASE_LABEL, ""
    if kind in WEBHOOK_CONFIGURATIONS:
        return "", f"metadata.name={CONFIGURATION}"
    return "", ""


def registry(feed: Feed, kube: Kube, kinds: Iterable[str]) -> kopf.OperatorRegistry:
    """Return the handlers: one for each kind, and one that logs in with the session of our own client."""
    handlers = kopf.OperatorRegistry()

    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=kube.server, aiohttp_session=kube.session())

    kopf.on.login(registry=handlers, id="login")(login)
    for kind in kinds:
        kopf.on.event(*_address(KINDS[kind]), registry=handlers, id=kind)(partial(_tell, feed, kind))
    return handlers


def settings(random: Callable[[], float], kinds: Iterable[str]) -> kopf.OperatorSettings:
    """Return kopf's settings for a source of events."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.process.ultimate_exiting_timeout = None
    chosen.queueing.idle_timeout = 0.01  # each object just listed is a task that long
    chosen.watching.inactivity_timeout = _SILENCE_SECONDS
    chosen.watching.chunk_size = _CHUNK
    chosen.watching.connect_timeout = 5
    chosen.networking.connect_timeout = 5
    chosen.networking.request_timeout = 60
    chosen.networking.error_backoffs = _Backoff(random)
    chosen.persistence.diffbase_storage = _NoDifferences()
    for kind in kinds:
        labels, fields = selectors(kind)
        if labels:
            chosen.watching.label_selectors[_address(KINDS[kind])] = labels
        if fields:
            chosen.watching.field_selectors[_address(KINDS[kind])] = fields
    return chosen


async def watch(
    feed: Feed,
    kube: Kube,
    kinds: tuple[str, ...],
    namespaces: tuple[str, ...],
    random: Callable[[], float],
    started: asyncio.Event,
) -> None:
    """Watch all namespaces, or those that are named, until cancelled.

    `started` is set when kopf has installed its signal handlers.
    """
    for name in ("kopf.objects", "kopf.activities", "kopf"):
        logging.getLogger(name).setLevel(logging.WARNING)
    await kopf.operator(
        registry=registry(feed, kube, kinds),
        settings=settings(random, kinds),
        memories=_NoMemories(),
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        # For peering, which is off; left out, kopf asks who the user is, and a container's has no name.
        identity="keddah",  # type: ignore[arg-type]  # kopf does not export its type
        ready_flag=started,
    )


async def _tell(feed: Feed, kind: str, event: kopf.RawEvent, **_: object) -> None:
    if event["type"] == "DELETED":
        feed.gone(kind, event["object"])
        return
    if event["type"] is None:
        feed.listed(kind)
    feed.seen(kind, event["object"])


def _address(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.plural
