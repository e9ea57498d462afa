"""Execute a plan: in order, concurrently where order does not matter, and stop when the lock has moved."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Iterator

from controller.act.actor import Actor, Declined
from controller.act.recorder import Recorder
from controller.desired import names
from controller.kube.answers import Refused
from controller.kube.kinds import DATABASE, DATABASE_LABEL
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.world import World
from controller.plan.actions import (
    Action,
    Apply,
    DeletePod,
    Discard,
    GrowClaim,
    Manifest,
    Rebuild,
    RelabelStandby,
    Reload,
    RestartPostgres,
    Switchover,
)
from schemas.types import API_VERSION, PostgreSQLDatabase

logger = logging.getLogger(__name__)

_MOST_AT_ONCE = 16
"""Concurrent writes of children, for all databases together: the Lease needs a connection too."""

_BUILT_ON_OTHERS = frozenset({"RoleBinding", "StatefulSet"})
"""Kinds written after those that they refer to: RBAC looks up the Role, and pods mount the rest.

The two are written together: the API server takes 100 ms for a RoleBinding (measured), and Patroni starts
ten times that before it needs it.
"""


class Overtaken(Exception):  # noqa: N818 - what happened to the plan
    """The leader lock changed hands after planning: the pod to be disrupted may be the primary now."""


class Execution:
    """Executes plans through the actor, and sends an event for each disruptive action."""

    def __init__(self, observer: Observer, actor: Actor, recorder: Recorder) -> None:
        self._observer = observer
        self._actor = actor
        self._recorder = recorder
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)

    async def carry_out(
        self, key: Key, db: PostgreSQLDatabase, actions: Iterable[Action], world: World, done: list[Action]
    ) -> None:
        """Execute all actions; those that were done are appended to `done`, even if this raises.

        Raises Overtaken before an action that could hit a new primary, else what the actor raises.
        """
        no_growth: Refused | None = None
        for wave in waves(actions):
            if len(wave) > 1:
                await self._together(db, wave, done)
                continue
            [action] = wave
            if _disturbs(action, world) and await self._observer.overtaken(key, world):
                raise Overtaken(f"{action}: the leader lock has changed hands in the meantime")
            try:
                await self._actor.act(db, action)
            except (Refused, Declined) as refusal:
                if not isinstance(action, GrowClaim | Reload):
                    raise
                # A quota, say: roll-outs and switchovers do not depend on it.
                logger.warning(
                    "Postponed an action database=%s action=%r why=%r", key, str(action), str(refusal)
                )
                no_growth = refusal if isinstance(refusal, Refused) else no_growth
            else:
                done.append(action)
                self._tell(db, action)
        if no_growth:
            raise no_growth

    async def _together(self, db: PostgreSQLDatabase, wave: Iterable[Action], done: list[Action]) -> None:
        """Execute a wave concurrently. All of it has ended before the first failure is raised."""

        async def one(action: Action) -> None:
            async with self._turns:
                await self._actor.act(db, action)
            done.append(action)

        ended = await asyncio.gather(*map(one, wave), return_exceptions=True)
        failure = next((error for error in ended if error is not None), None)
        if failure is not None:
            raise failure

    def _tell(self, db: PostgreSQLDatabase, action: Action) -> None:
        if isinstance(action, DeletePod | RestartPostgres | Switchover | Rebuild | Discard):
            story = f"{action}: {action.reason}"
            self._recorder.tell(_reference(db), "Normal", type(action).__name__, story)


def waves(actions: Iterable[Action]) -> Iterator[tuple[Action, ...]]:
    """Split a plan into waves of concurrent actions: adjacent creations of children, by dependency."""
    for turn, group in itertools.groupby(actions, _turn):
        if turn is None:
            yield from ((action,) for action in group)
        else:
            yield tuple(group)


def _turn(action: Action) -> int | None:
    """Return the wave in which a new child is created; None for an action that is executed alone."""
    if not isinstance(action, Apply) or not action.absent:
        return None
    kind, metadata = action.manifest["kind"], action.manifest["metadata"]
    if kind == "Secret" and metadata["name"] == names.keys_secret(metadata["labels"][DATABASE_LABEL]):
        # The other Secrets are derived from this one: whoever dies in between leaves the source.
        return 0
    return 2 if kind in _BUILT_ON_OTHERS else 1


def _disturbs(action: Action, world: World) -> bool:
    """Whether an action disrupts an instance, which must not have become the primary meanwhile."""
    if isinstance(action, Apply) and action.manifest["kind"] == "StatefulSet":
        live = world.statefulset
        return live is not None and action.manifest["spec"]["replicas"] < live["spec"]["replicas"]
    return isinstance(action, DeletePod | RestartPostgres | RelabelStandby | Rebuild | Discard)


def _reference(db: PostgreSQLDatabase) -> Manifest:
    """Return as much of the object as an Event needs to point at it."""
    metadata = {"name": db.metadata.name, "namespace": db.metadata.namespace, "uid": db.metadata.uid}
    return {"apiVersion": API_VERSION, "kind": DATABASE, "metadata": metadata}
