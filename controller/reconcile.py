"""One reconcile: load, observe, validate, plan, act, and write the status once.

Its input is the key and never the event: whatever triggered it, it looks at the whole of one database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.act.actor import Actor, Declined
from controller.act.execution import Execution, Overtaken
from controller.act.recorder import Recorder
from controller.certificates.pki import Entropy
from controller.kube.answers import Conflict, Refused
from controller.kube.client import Kube
from controller.kube.kinds import DATABASE
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.world import Manifest, World
from controller.plan.actions import Action, Apply
from controller.plan.contest import Contests
from controller.plan.credentials import credentials
from controller.plan.deletion import decode_deleted, finalize
from controller.plan.fleet import Fleet
from controller.plan.judge import Judgement, judge
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.planner import Intent, Plan, plan
from controller.plan.upgrade import Choice, awake, choose
from controller.report.primaries import PrimaryTracker
from controller.report.status import status, transitions
from controller.watches.queue import Work
from controller.watches.store import Store
from schemas.policyfile import PolicyFile
from schemas.types import PostgreSQLDatabase, decode

logger = logging.getLogger(__name__)

UNFINISHED = Waiting(5, "Reconciling", "The reconcile did not finish")
_FIRST_WORDS = 1.0
"""Seconds after which a new database gets its first status, unless an event triggers a reconcile earlier."""
VERIFY_SECRETS = "verify secrets"
"""Reason on the queue with which the secret patrol asks to read the Secrets too; no watch covers them."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a reconciler needs besides the API: clock, random source, the operator's namespace."""

    now: Callable[[], datetime]
    entropy: Entropy
    namespace: str


@dataclass(slots=True)
class Attempt:
    """One reconcile, as far as it got: the observed world, the actions done, the outcome."""

    world: World
    outcome: Outcome = UNFINISHED
    judged: bool = False
    choice: Choice | None = None
    done: list[Action] = field(default_factory=list)


class Reconciler:
    """Brings databases to their declared state, one reconcile at a time."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        observer: Observer,
        actor: Actor,
        recorder: Recorder,
        policy: PolicyFile,
        environment: Environment,
        wake: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._kube = kube
        self._store = store
        self._observer = observer
        self._actor = actor
        self._recorder = recorder
        self._execution = Execution(observer, actor, recorder)
        self._policy = policy
        self._environment = environment
        self._primaries = PrimaryTracker()
        self._verified: dict[Key, str] = {}
        """UID of the object whose Secrets were last read and written."""
        self._contests = Contests()
        self._fleet = Fleet(lambda: ((key, observer.cached(key)) for key in store.keys()), wake)  # noqa: SIM118 - no mapping

    async def reconcile(self, work: Work[Key]) -> Outcome:
        """Reconcile one database; raises KubeError or LeadershipLost, as the API client does."""
        key, started = work.key, time.perf_counter()
        manifest = self._store.database(key)
        if manifest is None:
            self._forget(key)
            return Done("Gone", "The object is gone")
        if VERIFY_SECRETS in work.reasons:
            self._verified.pop(key, None)
        if "deletionTimestamp" in manifest["metadata"]:
            return await self._end(key)
        known = self._verified.get(key) == manifest["metadata"]["uid"]
        attempt = Attempt(await self._observer.world(key, secrets=not known))
        seen = self._environment.now()
        for event in self._primaries.observe(key, _known_primary(manifest), attempt.world, seen):
            self._recorder.tell(manifest, event.type, event.reason, event.message)
        judgement = judge(manifest, attempt.world.statefulset, self._policy.current, seen.date())
        try:
            attempt.outcome = await self._pass(key, judgement, attempt)
            attempt.judged = True
        except Refused as refusal:
            attempt.outcome = Waiting(60, "WriteRefused", str(refusal))
        except Declined as refusal:
            attempt.outcome = Waiting(5, "PatroniDeclined", str(refusal))
        except Overtaken as change:
            attempt.outcome = Waiting(1, "Reconciling", str(change))
        finally:
            self._primaries.record(key, attempt.done, seen)
            await self._report(manifest, judgement, attempt)
            _log(key, attempt, time.perf_counter() - started)
        return attempt.outcome

    async def _pass(self, key: Key, judgement: Judgement, attempt: Attempt) -> Outcome:
        """Plan and act. A refused change is reported; the spec that was accepted before stays in force."""
        complaints = "; ".join(map(str, judgement.violations))
        refused = Stalled("Refused", complaints) if complaints else None
        db = judgement.db
        if db is None:
            return refused or Stalled("Refused", "the object cannot be read")
        now = self._environment.now()
        choice = attempt.choice = self._choose(key, judgement, attempt.world, now)
        if choice is None:
            return Stalled("VersionNotAllowed", f"the policy's catalogue has no version {db.spec.version}")
        secrets: tuple[Manifest, ...] = ()
        if self._verified.get(key) != db.metadata.uid:
            live = attempt.world.children.get("Secret", {})
            secrets = credentials(db, live, now=now, entropy=self._environment.entropy)
        intent = Intent(
            db, choice.image, secrets, self._environment.namespace, judgement.accepted, choice.version
        )
        chosen = await self._carry_out(key, db, intent, attempt)
        if not isinstance(chosen.outcome, Stalled) or chosen.outcome.after is None:
            self._verified[key] = db.metadata.uid
        outcome = awake(chosen.outcome, choice, now)
        return replace(refused, after=outcome.after) if refused else outcome

    def _choose(self, key: Key, judgement: Judgement, world: World, now: datetime) -> Choice | None:
        """Choose the image; how many other databases are being upgraded matters too."""
        others = self._fleet.look(key, world, now)
        choice = choose(judgement, world, self._policy.current.minor_upgrades, now, others)
        if choice is not None:
            self._fleet.decided(key, world, choice.image, now, queued=choice.queued)
        return choice

    async def _carry_out(self, key: Key, db: PostgreSQLDatabase, intent: Intent, attempt: Attempt) -> Plan:
        """Plan and act; plan again if a child that seemed to be missing exists after all."""
        chosen, now = plan(intent, attempt.world), self._environment.now()
        held = self._contests.held(key, chosen, now)
        chosen = held or chosen
        try:
            await self._execution.carry_out(key, db, chosen.actions, attempt.world, attempt.done)
        except Conflict:
            absent = [write.manifest for write in chosen.actions if isinstance(write, Apply) and write.absent]
            seen = await self._observer.unseen(key, absent, attempt.world)
            if seen is None:
                raise
            attempt.world = seen
            chosen, held = plan(intent, seen), None
            await self._execution.carry_out(key, db, chosen.actions, seen, attempt.done)
        return held or self._contests.counted(key, chosen, now)

    async def _end(self, key: Key) -> Outcome:
        """Finalize a database that is being deleted; only the live object decides what is deleted with it."""
        live = await self._kube.get(DATABASE, key.namespace, key.name)
        if live is None or "deletionTimestamp" not in live["metadata"]:
            return Waiting(2, "Deleting", "the object changed; looking again")
        self._forget(key)
        db = decode_deleted(live)
        attempt = Attempt(await self._observer.world(key, secrets=True))
        chosen = finalize(db, attempt.world)
        for action in chosen.actions:
            await self._actor.act(db, action)
            attempt.done.append(action)
        attempt.outcome = chosen.outcome
        _log(key, attempt, 0.0)
        return chosen.outcome

    async def _report(self, manifest: Manifest, judgement: Judgement, attempt: Attempt) -> None:
        """Write the status if it differs, and send an event for what changed."""
        if not manifest.get("status") and isinstance(attempt.outcome, Waiting) and _just_made(attempt):
            attempt.outcome = replace(attempt.outcome, after=_FIRST_WORDS)
            return
        db = decode({**manifest, "spec": {}}) if judgement.db is None else judgement.db
        now = self._environment.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = status(db, attempt.world, attempt.outcome, attempt.choice, judged=attempt.judged, now=now)
        before = manifest.get("status") or {}
        if wanted == before:
            return
        live = await self._kube.patch_status(manifest, wanted)
        if live is not None:
            self._store.put(DATABASE, live)
        for kind, reason, message in transitions(before, wanted):
            self._recorder.tell(manifest, kind, reason, message)

    def _forget(self, key: Key) -> None:
        self._verified.pop(key, None)
        self._contests.forget(key)
        self._fleet.forget(key)
        self._observer.forget(key)
        self._primaries.forget(key)


def _just_made(attempt: Attempt) -> bool:
    """Whether this reconcile has just created the StatefulSet: there is nothing to report yet.

    The StatefulSet controller reacts within a moment, and that triggers a reconcile with something to
    report; a status written now would be out of date when it arrives.
    """
    applied = (action for action in attempt.done if isinstance(action, Apply) and action.absent)
    return attempt.judged and any(write.manifest["kind"] == "StatefulSet" for write in applied)


def _known_primary(manifest: Manifest) -> str | None:
    return (manifest.get("status") or {}).get("primary")


def _log(key: Key, attempt: Attempt, seconds: float) -> None:
    outcome = attempt.outcome
    done = "; ".join(f"{action} ({action.reason})" for action in attempt.done) or "nothing"
    logger.info(
        "Reconciled database=%s outcome=%s reason=%s did=%r message=%r seconds=%.3f",
        key,
        type(outcome).__name__,
        outcome.reason,
        done,
        outcome.message,
        seconds,
    )
