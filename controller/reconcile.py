"""One reconcile: load, observe, validate, plan, act, and write the status once.

Its input is the key and never the event: whatever triggered it, it looks at the whole of one database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from controller.act.actor import Actor
from controller.act.execution import Execution, reference
from controller.act.provisioner import Provisioner
from controller.act.recorder import Recorder
from controller.attempt import Attempt, Environment
from controller.kube.answers import Conflict, KubeError, Refused
from controller.kube.client import Kube
from controller.kube.kinds import DATABASE
from controller.kube.leader import LeadershipLost
from controller.kube.objects import Key, Manifest
from controller.memory import Fleet, Memory
from controller.observe.access.reader import AccessReader
from controller.observe.observer import Observer
from controller.observe.state import ObservedState
from controller.plan.acceptance import acceptance
from controller.plan.actions import Action, Apply
from controller.plan.conclusion import GONE, Course, conclude, conclude_deletion, conclude_early
from controller.plan.deletion import decode_deleted, finalize
from controller.plan.interruption import Interruption, KeysMissing
from controller.plan.outcome import Done, Outcome, Stalled
from controller.plan.planner import Plan, plan
from controller.plan.situation import Intent
from controller.plan.upgrade import Choice, choose
from controller.plan.validation import Decision, validate
from controller.publisher import Publisher
from controller.report.mishaps import told
from controller.report.primaries import asked, followed
from controller.report.restored import written
from controller.watches.cache import Cache
from controller.watches.queue import Work
from schemas.policy.file import PolicyFile

logger = logging.getLogger(__name__)

_Seen = TypeVar("_Seen")

VERIFY_SECRETS = "verify secrets"
"""Reason on the queue with which the periodic check asks to read the Secrets too; no watch covers them."""


class Reconciler:
    """Brings databases to their declared state, one reconcile at a time."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        observer: Observer,
        actor: Actor,
        recorder: Recorder,
        policy: PolicyFile,
        environment: Environment,
        enqueue: Callable[[Key], None] = lambda _: None,
        *,
        access: AccessReader,
        provisioner: Provisioner,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._observer = observer
        self._access = access
        self._actor = actor
        self._recorder = recorder
        self._publisher = Publisher(kube, cache, recorder, environment.now)
        self._execution = Execution(observer, actor, recorder, provisioner)
        self._policy = policy
        self._environment = environment
        self._enqueue = enqueue
        self._memories: dict[Key, Memory] = {}
        self._fleet = Fleet(lambda: ((key, observer.cached(key)) for key in cache.keys()), enqueue)  # noqa: SIM118 - no mapping

    async def reconcile(self, work: Work[Key]) -> Outcome:
        """Reconcile one database; raises KubeError or LeadershipLost, as the API client does."""
        key, started = work.key, time.perf_counter()
        manifest = self._cache.database(key)
        if manifest is None:
            self._forget(key)
            return GONE
        memory = self._memories.setdefault(key, Memory())
        memory.declare(manifest, self._environment.now())
        if VERIFY_SECRETS in work.reasons or not self._observer.all_secrets_there(key, manifest):
            memory.verified, memory.looks = "", memory.looks.anew()
        if "deletionTimestamp" in manifest["metadata"]:
            return await self._end(key)
        seen = self._environment.now()
        attempt = await self._reported(key, manifest, self._look(key, manifest, memory))
        try:
            await self._pass(key, memory, attempt)
        except LeadershipLost:
            raise  # who may not act may not report either
        except Exception as error:  # noqa: BLE001 - it is reported, and raised below
            attempt.course = replace(attempt.course, failure=error)
        memory.term = asked(memory.term, attempt.done, seen)
        outcome = conclude(attempt.course, self._environment.now())
        await self._publisher.reconciled(manifest, attempt.observed, attempt.course, outcome)
        _log(key, attempt.done, outcome, time.perf_counter() - started)
        failure = attempt.course.failure
        if failure is not None and not isinstance(failure, Refused | Interruption):
            raise failure
        return outcome

    async def _look(self, key: Key, manifest: Manifest, memory: Memory) -> Attempt:
        """Observe and validate a database; send events of what happened to it."""
        known = memory.verified == manifest["metadata"]["uid"]
        observed = await self._observer.observe(key, secrets=not known)
        seen = self._environment.now()
        observed = replace(observed, seen=seen)
        memory.term, events = followed(memory.term, _known_primary(manifest), observed, seen)
        memory.mishaps, others = told(memory.mishaps, observed, seen)
        for event in (*events, *others):
            self._recorder.record(manifest, event.type, event.reason, event.message)
        decision = validate(manifest, acceptance(manifest, observed), self._policy.current, seen)
        primary = observed.known_primary
        if decision.db and primary and memory.looks.due(decision.db, observed, seen):
            observed = replace(observed, access=await self._access.read(decision.db, primary))
        observed = memory.looks.told(decision.db, observed, seen)
        # The CRD gives every object an observedGeneration that says so.
        new = (manifest.get("status") or {}).keys() <= {"observedGeneration"}
        return Attempt(observed, Course(decision), new)

    async def _pass(self, key: Key, memory: Memory, attempt: Attempt) -> None:
        """Choose the image, plan and act; the course tells how far it came."""
        decision, db = attempt.course.decision, attempt.course.decision.db
        if db is None:
            return
        now = self._environment.now()
        choice = self._choose(key, decision, attempt.observed, now)
        attempt.course = replace(attempt.course, choice=choice)
        if choice is None:
            return
        read = memory.verified != db.metadata.uid
        ready = (memory.looks.ready if memory.looks.confirmed else {}) if read else None
        intent = attempt.intent(db, choice, ready, self._policy.current, self._environment, now)
        before = attempt.observed
        if await self._carry_out(key, memory, intent, attempt) and not intent.uncertified:
            memory.verified = db.metadata.uid
        self._of_secrets(key, memory, attempt, read=read)
        for event in written(db, before, attempt.done):
            self._recorder.record(reference(db), event.type, event.reason, event.message)

    def _of_secrets(self, key: Key, memory: Memory, attempt: Attempt, *, read: bool) -> None:
        """Look again where Secrets were written, or are to be, since no event will say so."""
        if any(isinstance(each, Apply) and each.manifest["kind"] == "Secret" for each in attempt.done):
            # They are to be watched now, and to fit what the server has.
            memory.looks = memory.looks.rewritten()
            self._enqueue(key)
        elif memory.looks.confirmed and not read:
            self._enqueue(key)
        elif memory.looks.confirmed and memory.verified:
            memory.looks = memory.looks.rewritten()

    def _choose(self, key: Key, decision: Decision, observed: ObservedState, now: datetime) -> Choice | None:
        """Choose image and template; how many other databases are being upgraded matters too."""
        others = self._fleet.look(key, observed, now)
        choice = choose(decision, observed, self._policy.current.minor_upgrades, now, others)
        if choice is not None:
            self._fleet.decided(key, observed, choice.edition, now, queued=choice.queued)
        return choice

    async def _carry_out(self, key: Key, memory: Memory, intent: Intent, attempt: Attempt) -> bool:
        """Plan and act; return whether every child was written or is as it should be."""
        chosen, now = plan(intent, attempt.observed), self._environment.now()
        if chosen.begins:
            # Nothing is written before all names are known to be free: what has not our label is in no cache.
            chosen = await self._again(key, chosen, intent, attempt) or chosen
        held = memory.writes.held(chosen.actions, now)
        if held:
            chosen = plan(replace(intent, held=held), attempt.observed)
        executed = await self._execution.carry_out(key, intent.db, chosen.actions, attempt.observed)
        attempt.done = executed.done
        if isinstance(executed.failure, Conflict) and (
            again := await self._again(key, chosen, intent, attempt)
        ):
            chosen, held = again, ()
            executed = await self._execution.carry_out(key, intent.db, chosen.actions, attempt.observed)
            attempt.done = (*attempt.done, *executed.done)
        memory.looks = memory.looks.after(intent.db, attempt.observed, executed.failures, now)
        memory.writes = memory.writes.after(chosen.actions, executed.refused, held, now)
        unwritten = memory.writes.refused_secrets(now)
        remembered = memory.looks.told(intent.db, attempt.observed, now)
        attempt.observed = replace(remembered, unwritten=unwritten)
        attempt.course = replace(
            attempt.course,
            planned=chosen.outcome,
            writes=memory.writes,
            refused=executed.refused,
            failure=executed.failure,
            look=memory.looks.next(attempt.observed, now),
            unreported=attempt.new and chosen.begins and not (executed.refused or executed.failure),
        )
        if isinstance(executed.failure, KeysMissing):
            memory.verified = ""
        foreign = isinstance(chosen.outcome, Stalled) and chosen.outcome.after is not None
        return not (held or executed.refused or executed.failure or foreign)

    async def _again(self, key: Key, chosen: Plan, intent: Intent, attempt: Attempt) -> Plan | None:
        """Plan again if a child that seemed to be missing exists after all; None if none does."""
        seen = await self._observer.unseen(key, chosen.absent, attempt.observed)
        if seen is None:
            return None
        attempt.observed = seen
        return plan(intent, seen)

    async def _end(self, key: Key) -> Outcome:
        """Finalize a database that is being deleted; only the live object decides what is deleted with it."""
        live = await self._kube.get(DATABASE, key.namespace, key.name)
        if live is None or "deletionTimestamp" not in live["metadata"]:
            return conclude_deletion(None)
        self._forget(key)
        db, failure = decode_deleted(live), None
        observed = await self._reported(key, live, self._observer.observe(key, secrets=True))
        chosen = finalize(db, observed)
        try:
            for action in chosen.actions:
                await self._actor.act(db, action)
        except Refused as refusal:
            failure = refusal
        outcome = conclude_deletion(chosen.outcome, failure)
        if not isinstance(outcome, Done):
            await self._publisher.deleting(live, db, observed, outcome)
        _log(key, chosen.actions, outcome, 0.0)
        return outcome

    async def _reported(self, key: Key, manifest: Manifest, looking: Awaitable[_Seen]) -> _Seen:
        """Return what was looked at; what ends that is reported, and raised."""
        try:
            return await looking
        except LeadershipLost:
            raise
        except Exception as error:
            outcome = conclude_early(error)
            _log(key, (), outcome, 0.0)
            # What cannot be read may not be written either, and the failure before is what counts.
            with suppress(KubeError):
                await self._publisher.unobserved(manifest, outcome)
            raise

    def _forget(self, key: Key) -> None:
        self._memories.pop(key, None)
        self._fleet.forget(key)
        self._observer.forget(key)


def _known_primary(manifest: Manifest) -> str | None:
    return (manifest.get("status") or {}).get("primary")


def _log(key: Key, done: Iterable[Action], outcome: Outcome, seconds: float) -> None:
    logger.info(
        "Reconciled database=%s outcome=%s reason=%s did=%r message=%r seconds=%.3f",
        key,
        type(outcome).__name__,
        outcome.reason,
        "; ".join(f"{action} ({action.reason})" for action in done) or "nothing",
        outcome.message,
        seconds,
    )
