"""Execute a plan: in order, concurrently where order does not matter, and stop when the lock has moved."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from controller.act.actor import Actor
from controller.act.provisioner import Provisioner
from controller.act.recorder import Recorder
from controller.desired import labels, names
from controller.kube.answers import Conflict, KubeError, Refused
from controller.kube.kinds import DATABASE, DATABASE_LABEL, WORKLOADS
from controller.kube.objects import Key, Manifest
from controller.observe.observer import Observer
from controller.observe.ownership import owned
from controller.observe.state import ObservedState
from controller.plan.actions import (
    Action,
    Apply,
    Delete,
    DeletePod,
    Discard,
    EndTries,
    Execute,
    OfClaim,
    Rebuild,
    RelabelStandby,
    ReleaseLock,
    Reload,
    RestartPostgres,
    RetryPods,
    SetFinalizers,
    Switchover,
    doing,
)
from controller.plan.conflicts import Refusal
from controller.plan.interruption import Declined, Interruption, Overtaken
from controller.plan.step import Failure
from schemas.api.types import API_VERSION, PostgreSQLDatabase
from schemas.reasons import REASONS

logger = logging.getLogger(__name__)

_INTERNAL_ERROR = 500
_MOST_AT_ONCE = 16
"""Concurrent writes of children, for all databases together: the Lease needs a connection too."""

_BUILT_ON_OTHERS = WORKLOADS | {"RoleBinding"}
"""Kinds written after those that they refer to: RBAC looks up the Role, and pods mount the rest.

The two are written together: the API server takes 100 ms for a RoleBinding (measured), and Patroni starts
ten times that before it needs it.
"""


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of the actions of a plan."""

    done: tuple[Action, ...] = ()
    refused: tuple[Refusal, ...] = ()
    """What the API server refused: it stops nothing else, least of all what makes writes possible again."""
    failure: KubeError | Interruption | None = None
    """Why the actions after these were not tried."""
    failures: tuple[Failure, ...] = ()
    """What servers refused of statements."""

    def then(self, other: Executed) -> Executed:
        """Return both, one after the other."""
        return Executed(
            (*self.done, *other.done),
            (*self.refused, *other.refused),
            other.failure,
            (*self.failures, *other.failures),
        )


class Execution:
    """Executes plans through the actor, and sends an event for each disruptive action."""

    def __init__(
        self, observer: Observer, actor: Actor, recorder: Recorder, provisioner: Provisioner
    ) -> None:
        self._observer = observer
        self._actor = actor
        self._recorder = recorder
        self._provisioner = provisioner
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)

    async def carry_out(
        self, key: Key, db: PostgreSQLDatabase, actions: Iterable[Action], observed: ObservedState
    ) -> Executed:
        """Execute all actions, up to the first failure that stops the others."""
        executed = Executed()
        for wave in waves(actions):
            if len(wave) > 1:
                executed = executed.then(await self._together(key, db, wave))
            else:
                executed = executed.then(await self._alone(key, db, wave[0], observed))
            if executed.failure is not None:
                break
        return executed

    async def _alone(
        self, key: Key, db: PostgreSQLDatabase, action: Action, observed: ObservedState
    ) -> Executed:
        """Execute one action, unless the plan is out of date for it; send its event."""
        try:
            await self._check(key, db, action, observed)
            why = await self._irreplaceable(key, action, observed)
        except (KubeError, Interruption) as error:
            return Executed(failure=error)
        if why:
            return Executed(refused=((action, why),))
        executed = await self._one(key, db, action)
        if executed.done:
            self._record_event(db, action)
        return executed

    async def _check(self, key: Key, db: PostgreSQLDatabase, action: Action, observed: ObservedState) -> None:
        """Raise Overtaken if an action would do harm that the watches do not show yet."""
        # The lock is released on condition that it is as it was observed: writes wait for that.
        lock = not isinstance(action, ReleaseLock)
        if _disturbs(action, observed) and (why := await self._observer.overtaken(key, observed, lock=lock)):
            raise Overtaken(f"{action}: {why}")
        if _adopts(action, observed, db) and await self._observer.ended(key, db.metadata.uid):
            raise Overtaken(f"{action}: the database is being deleted")

    async def _irreplaceable(self, key: Key, action: Action, observed: ObservedState) -> str:
        """Return why the pod that an action deletes could not be created anew; "" if it could."""
        match action:
            case DeletePod(name=pod) | Discard(pod=pod) if pod:
                return await self._observer.irreplaceable(key, observed, pod)
            case _:
                return ""

    async def _together(self, key: Key, db: PostgreSQLDatabase, wave: Iterable[Action]) -> Executed:
        """Execute a wave concurrently, to its end."""

        async def one(action: Action) -> Executed:
            async with self._turns:
                return await self._one(key, db, action)

        ended = await asyncio.gather(*map(one, wave), return_exceptions=True)
        executed, failures = Executed(), []
        for end in ended:
            if isinstance(end, BaseException):
                raise end
            executed = executed.then(end)
            failures += [end.failure] if end.failure else []
        return replace(executed, failure=next(iter(failures), None))

    async def _one(self, key: Key, db: PostgreSQLDatabase, action: Action) -> Executed:
        try:
            if isinstance(action, Execute):
                return Executed((action,), failures=await self._provisioner.execute(db, action))
            await self._actor.act(db, action)
        except (KubeError, Interruption) as error:
            if isinstance(error, Conflict) and _conditional(action):
                return Executed(failure=Overtaken(f"{action}: somebody else has written it in the meantime"))
            if isinstance(error, Conflict) and isinstance(action, Delete | EndTries):
                # It has changed since it was seen, and that wakes the next reconcile.
                return Executed()
            if not _stops_only_itself(action, error):
                return Executed(failure=error)
            logger.warning("Postponed an action database=%s action=%r why=%r", key, str(action), str(error))
            return Executed(refused=((action, str(error)),) if isinstance(error, KubeError) else ())
        return Executed((action,))

    def _record_event(self, db: PostgreSQLDatabase, action: Action) -> None:
        if isinstance(action, DeletePod | RestartPostgres | Switchover | Rebuild | Discard):
            message = f"{action}: {action.reason}"
            self._recorder.record(reference(db), "Normal", doing(action), message)
        if isinstance(action, Delete) and action.event:
            message = f"{action}: {action.reason}"
            self._recorder.record(reference(db), REASONS[action.event].type, action.event, message)


def _conditional(action: Action) -> bool:
    """Whether it is done only if the object is as it was observed."""
    return isinstance(action, ReleaseLock) or (isinstance(action, Apply) and bool(action.version))


def _stops_only_itself(action: Action, error: Exception) -> bool:
    """Whether the other actions go on without this one.

    What everything else is derived from must be there, and what disrupts comes last. A quota, a rule or a
    webhook refuses one write (4xx); 500 is what the API server answers when a webhook fails. An API server
    that does not answer at all answers nothing else either.
    """
    if isinstance(action, Apply):
        apart = action.manifest["kind"] != "Secret" or not _is_source(action)
        return apart and (isinstance(error, Refused) or getattr(error, "status", 0) == _INTERNAL_ERROR)
    if isinstance(action, Reload):
        return isinstance(error, Refused | Declined)
    apart = isinstance(action, Delete | EndTries | OfClaim | RelabelStandby | RetryPods | SetFinalizers)
    return apart and isinstance(error, Refused)


def _is_source(action: Apply) -> bool:
    """Whether it writes the Secret that the others are derived from."""
    metadata = action.manifest["metadata"]
    return bool(metadata["name"] == names.keys_secret(metadata["labels"].get(DATABASE_LABEL, "")))


def waves(actions: Iterable[Action]) -> Iterator[tuple[Action, ...]]:
    """Split a plan into waves of concurrent actions: adjacent creations of children, by dependency.

    So are adjacent deletions of Secrets.
    """
    for turn, group in itertools.groupby(actions, _turn):
        if turn is None:
            yield from ((action,) for action in group)
        else:
            yield tuple(group)


def _turn(action: Action) -> int | None:
    """Return the wave in which a new child is created; None for an action that is executed alone."""
    if isinstance(action, Delete) and action.kind == "Secret":
        return 3  # of roles, which may be hundreds; nobody is told of them
    if not isinstance(action, Apply) or not action.absent:
        return None
    kind = action.manifest["kind"]
    if kind == "Secret" and _is_source(action):
        # The other Secrets are derived from this one: whoever dies in between leaves the source.
        return 0
    return 2 if kind in _BUILT_ON_OTHERS else 1


def _adopts(action: Action, observed: ObservedState, db: PostgreSQLDatabase) -> bool:
    """Whether a write gives a child the owner that it lost.

    The garbage collector takes the owner away when the database is deleted with `--cascade=orphan`. A child
    that got it back would be deleted as soon as the owner is gone.
    """
    if not isinstance(action, Apply) or not owned(db, action.manifest):
        return False
    live = observed.children.get(action.manifest["kind"], {}).get(action.manifest["metadata"]["name"])
    return live is not None and not owned(db, live)


def _disturbs(action: Action, observed: ObservedState) -> bool:
    """Whether an action must not be done after a change of the primary, or once Patroni is paused."""
    if isinstance(action, Apply) and action.manifest["kind"] == "StatefulSet":
        if labels.component_of(action.manifest) != labels.INSTANCE:
            return False
        live = observed.children.get("StatefulSet", {}).get(action.manifest["metadata"]["name"])
        return live is not None and action.manifest["spec"]["replicas"] < live["spec"]["replicas"]
    return isinstance(
        action, DeletePod | RestartPostgres | Switchover | Rebuild | Discard | RelabelStandby | ReleaseLock
    )


def reference(db: PostgreSQLDatabase) -> Manifest:
    """Return as much of the object as an Event needs to point at it."""
    metadata = {"name": db.metadata.name, "namespace": db.metadata.namespace, "uid": db.metadata.uid}
    return {"apiVersion": API_VERSION, "kind": DATABASE, "metadata": metadata}
