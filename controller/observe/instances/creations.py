"""Asks the API server about pods that are not created, or would not be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from controller.kube.answers import Conflict, KubeError, Refused, Unavailable
from controller.kube.client import Kube
from controller.kube.kinds import DATABASE_LABEL
from controller.kube.objects import Key, Manifest
from controller.observe.instances.creation import (
    FAILED,
    LASTING,
    conclusive,
    fits,
    former,
    missing,
    over_quota,
    refusal,
    trial,
)
from controller.observe.instances.editions import newest_revision
from controller.observe.instances.instance import Instance
from controller.observe.state import RETRIED, Creation, Revision
from controller.protocol.member import moment
from schemas.kubernetes.moments import written

logger = logging.getLogger(__name__)

_USUAL = 2.0
"""Seconds in which the StatefulSet controller creates a pod as a rule; nobody is asked before."""
_FRESH = 60.0
"""Seconds for which it is asked and tried more often: most refusals are noticed and ended by a person."""
_SOON, _LATER = 4.0, 10.0
_ON_ITS_WAY = 10.0
"""Seconds for which a pod may still be missing without any trouble, on a busy control plane."""
_SKEW = 5.0
"""Seconds by which the clock of Kubernetes' controllers may differ."""
_MOST = 60.0
"""Seconds between two looks when nothing is refused: Kubernetes is only slow, or its controller is away."""


@dataclass(slots=True)
class _Known:
    since: float
    due: float
    """When to read the events."""
    silent: int = 0
    """How often in a row they said nothing."""
    refusal: str = ""
    revision: str | None = None
    """The newest revision that was seen, and since when; None while Kubernetes has not taken it up."""
    revised: datetime = field(default=datetime.min.replace(tzinfo=UTC))
    former: Revision | None = None
    allowed: datetime | None = None
    """Since when the former revision's pod would be created; None while it would not."""

    def see(self, revision: str | None, now: datetime) -> None:
        """Take note of the newest revision: what is known to be refused is none of a newer one."""
        if revision is None or revision != self.revision:
            self.revision, self.revised, self.former, self.allowed = revision, now, None, None

    def interval(self, present: float) -> float:
        """Return the seconds between two attempts."""
        return _SOON if present - self.since < _FRESH else _LATER

    def read(self, refusal: str, present: float) -> None:
        """Take note of what the events say."""
        self.refusal = refusal
        pause = self.interval(present) if refusal else min(_SOON * 2**self.silent, _MOST)
        self.silent = 0 if refusal else self.silent + 1
        self.due = present + pause


class Creations:
    """Remembers since when pods are missing, and reads why: every few seconds, or ever less often."""

    def __init__(self, kube: Kube, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._clock = clock
        self._now = now
        self._known: dict[Key, _Known] = {}

    async def look(self, key: Key, statefulset: Manifest | None, instances: tuple[Instance, ...]) -> Creation:
        """Return which pods are missing, and why, if that is known; costs a request while some are."""
        absent, present = missing(statefulset, instances), self._clock()
        if not absent or statefulset is None:
            self.forget(key)
            return Creation()
        known = self._known.setdefault(key, _Known(present, present + _USUAL))
        known.see(newest_revision(statefulset), self._now())
        if present >= known.due:
            events = await self._events(key, statefulset)
            known.read(refusal(events, self._since(statefulset, known, present)), present)
            before = await self._former(key, statefulset, instances, absent[0]) if known.refusal else None
            known.allowed = (known.allowed or self._now()) if before else None
            if before and not await self._at_fault(key, statefulset, absent[0], known, events):
                before = None
            known.former = before
        retry = self._due(statefulset, known.interval(present)) if known.refusal else ""
        return Creation(absent, known.refusal, retry, known.due - present, known.former)

    async def refused(self, key: Key, statefulset: Manifest, pod: str) -> str:
        """Return why a pod could not be created anew now, in the API server's words; "" if it could.

        Asked by a dry run, in which every rule, webhook and quota takes part, and nothing is created.
        """
        try:
            await self._kube.create(trial(statefulset, pod), dry_run=True)
        except Conflict:
            return ""  # Its name is still taken: nothing else was refused.
        except Refused as error:
            words = _words(error)
        except Unavailable as error:
            if error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            words = _words(error)  # A webhook that does not answer.
        else:
            return ""
        if not conclusive(words):
            return ""
        live = await self._kube.get("Pod", key.namespace, pod) if over_quota(words) else None
        return "" if live and fits(words, live) else words

    def forget(self, key: Key) -> None:
        """Forget a database whose pods are all there, or that is gone."""
        self._known.pop(key, None)

    async def _events(self, key: Key, statefulset: Manifest) -> list[Manifest]:
        fields = f"regarding.uid={statefulset['metadata']['uid']},reason={FAILED}"
        try:
            return await self._kube.list("Event", key.namespace, fields=fields)
        except KubeError as error:
            # What is only told must not stop what saves data.
            logger.warning("Could not read events database=%s error=%r", key, str(error))
            return []

    async def _former(
        self, key: Key, statefulset: Manifest, instances: tuple[Instance, ...], pod: str
    ) -> Revision | None:
        """Return the revision before the newest, unless its pod would be refused too, as by a full quota."""
        labels = f"{DATABASE_LABEL}={key.name}"
        try:
            revisions = await self._kube.list("ControllerRevision", key.namespace, labels)
            before = former(statefulset, revisions, instances)
            if before is None:
                return None
            spec = {**statefulset["spec"], "template": before.template}
            return None if await self.refused(key, {**statefulset, "spec": spec}, pod) else before
        except KubeError as error:
            logger.warning("Could not read the former pods database=%s error=%r", key, str(error))
            return None

    async def _at_fault(
        self, key: Key, statefulset: Manifest, pod: str, known: _Known, events: list[Manifest]
    ) -> bool:
        """Whether the newest template's pod is refused although the former one's would be created by now.

        An older refusal may have had a cause that both had, and that has ended: a full quota, say. And it
        may be of an older template: events do not tell.
        """
        since = max(known.revised, known.allowed or known.revised) + timedelta(seconds=_SKEW)
        try:
            return bool(refusal(events, since) or await self.refused(key, statefulset, pod))
        except KubeError as error:
            logger.warning("Could not try a pod database=%s error=%r", key, str(error))
            return False

    def _since(self, statefulset: Manifest, known: _Known, present: float) -> datetime:
        """Return since when events say why a pod is missing."""
        seconds = present - known.since
        # A pod that is only just missing may be on its way, whatever kept another one from coming before.
        lasts = seconds > _ON_ITS_WAY or known.refusal or self._retried(statefulset, _FRESH)
        return self._now() - (LASTING if lasts else timedelta(seconds=seconds + _SKEW))

    def _due(self, statefulset: Manifest, interval: float) -> str:
        """Return the moment to note if the StatefulSet's controller should be woken now, else ""."""
        if self._retried(statefulset, interval):
            return ""
        return written(self._now())

    def _retried(self, statefulset: Manifest, seconds: float) -> bool:
        last = moment((statefulset["metadata"].get("annotations") or {}).get(RETRIED))
        return last is not None and self._now() - last < timedelta(seconds=seconds)


def _words(error: KubeError) -> str:
    """Return what the API server said, without what it was asked."""
    return error.message.partition(": ")[2] or error.message
