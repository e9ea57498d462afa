"""Writes what is reported of a database: its status, and an event for each change of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from controller.act.recorder import Recorder
from controller.kube.client import Kube
from controller.kube.kinds import DATABASE
from controller.kube.objects import Manifest
from controller.observe.state import ObservedState
from controller.plan.conclusion import Course
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.report.backups import news
from controller.report.requests import answers
from controller.report.status import status, unobserved
from controller.report.transitions import transitions
from controller.watches.cache import Cache
from schemas.api.types import PostgreSQLDatabase, decode
from schemas.kubernetes.moments import written


class Publisher:
    """Writes statuses, only where they differ from the last."""

    def __init__(self, kube: Kube, cache: Cache, recorder: Recorder, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._cache = cache
        self._recorder = recorder
        self._now = now

    async def reconciled(
        self, manifest: Manifest, observed: ObservedState, course: Course, outcome: Outcome
    ) -> None:
        """Report a reconcile that came as far as `course` tells."""
        if course.unreported and isinstance(outcome, Waiting):
            return
        db = decode({**manifest, "spec": {}}) if course.decision.db is None else course.decision.db
        # Stalled counts only for the generation that was processed last (kstatus).
        validated = course.failure is None or isinstance(outcome, Stalled)
        moment = self._moment()
        wanted = status(db, observed, outcome, course.choice, validated=validated, now=moment)
        await self._write(manifest, wanted)

    async def deleting(
        self, live: Manifest, db: PostgreSQLDatabase, observed: ObservedState, outcome: Outcome
    ) -> None:
        """Report how far a deletion is."""
        await self._write(live, status(db, observed, outcome, validated=True, now=self._moment()))

    async def unobserved(self, manifest: Manifest, outcome: Outcome) -> None:
        """Report that nothing could be observed; the rest of the status stays."""
        await self._write(manifest, unobserved(manifest, outcome, now=self._moment()))

    async def _write(self, manifest: Manifest, wanted: Manifest) -> None:
        before = manifest.get("status") or {}
        if wanted == before:
            return
        live = await self._kube.patch_status(manifest, wanted)
        if live is not None:
            self._cache.put(DATABASE, live)
        for kind, reason, message in transitions(before, wanted):
            self._recorder.record(manifest, kind, reason, message)
        for event in (*news(before, wanted), *answers(before, wanted)):
            self._recorder.record(manifest, event.type, event.reason, event.message)

    def _moment(self) -> str:
        return written(self._now())
