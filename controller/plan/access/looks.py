"""When to look into the server: a database with nothing changed costs no connection."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from controller.observe.access.state import Access, Entry, Right
from controller.observe.state import ObservedState
from controller.plan.access.grants import revoked
from controller.plan.access.logins import ready
from controller.plan.access.steps import todo
from controller.plan.rotation import requested
from controller.plan.step import Failure
from schemas.api.types import PostgreSQLDatabase

UNREACHABLE_AFTER: Final = timedelta(seconds=5)
_UNSHOWN: Final = "the next password of {} waits until the standbys have replayed it"
REFUSED_AFTER: Final = timedelta(seconds=30)
"""Until the next try of what a server has refused; nothing else waits for that."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the last look was about, and what came of it."""

    settled: str = ""
    """What was declared and told when all was as declared."""
    tried: str = ""
    """What was declared when somebody looked last, and not all was."""
    again: datetime | None = None
    """When to look again then, although nothing else is declared."""
    failures: Mapping[Entry, str] = field(default_factory=dict)
    """Why statements failed, by entry."""
    refused: frozenset[Entry] = frozenset()
    """Whose statements failed, of these."""
    retry: datetime | None = None
    """Until when those are not tried again; None while others change, who may be what they lack."""
    beside: str = ""
    """What was declared and told meanwhile, where some fail: at news the others are looked at."""
    waits: Mapping[Entry, str] = field(default_factory=dict)
    unreachable: str = ""
    done: str = ""
    """Digest of the steps that were executed last."""
    revoked: frozenset[tuple[str, Right]] = frozenset()
    """By database: former rights that were taken back, until that is reported."""
    ready: Mapping[str, int] = field(default_factory=dict)
    """Whose next password opens the primary, each with its generation (`plan/rotation.py`)."""
    position: int = 0
    """How far that had written its WAL when this was first seen."""
    confirmed: bool = False
    """Whether these passwords open what the standbys show, too."""

    def due(self, db: PostgreSQLDatabase, observed: ObservedState, now: datetime) -> bool:
        """Whether to look now: something else is declared than before, or the primary tells of a change."""
        primary = observed.known_primary
        if not declared(db) or primary is None or not primary.fit or db.spec.hibernated:
            return False
        known = self.settled or self.beside
        if known and known != _settled(db, observed):
            return True
        again = self.again is None or now >= self.again
        return not self.settled and (again or self.tried != _mark(db))

    def held(self, db: PostgreSQLDatabase, now: datetime) -> frozenset[Entry]:
        """Return the entries that have failed, and are not to be tried yet."""
        waits = self.retry is not None and now < self.retry and self.tried == _mark(db)
        return self.refused if waits else frozenset()

    def next(self, observed: ObservedState, now: datetime) -> datetime | None:
        """Return when to look again, whatever else happens.

        Where nobody looked although it was time, there is nobody to be asked; that one comes is an event.
        """
        if self.settled or self.again is None:
            return None
        return self.again if observed.access is not None or self.again > now else None

    def after(
        self, db: PostgreSQLDatabase, observed: ObservedState, failures: Sequence[Failure], now: datetime
    ) -> Looks:
        """Return what is remembered after a reconcile; the same if nobody looked in it."""
        access = observed.access
        if access is None:
            return self
        lost = next((failure.words for failure in failures if failure.entry is None), access.unreachable)
        if lost:
            return replace(
                self,
                settled="",
                tried=_mark(db),
                again=now + UNREACHABLE_AFTER,
                beside="",
                unreachable=lost,
                confirmed=False,
            )
        rotating = self._rotating(ready(db, access), access)
        found, held = todo(db, access), self.held(db, now)
        left = {step.entry for step in found.steps}
        failed = {entry: self.failures[entry] for entry in held & left}
        # The first is what the others follow from.
        failed |= {each.entry: each.words for each in reversed(failures) if each.entry}
        done = [each for each in found.steps if each.entry not in failed]
        taken = self.revoked.union(*(revoked(each, db) for each in done))
        why = failed | dict(found.complaints)
        waits = {**rotating.waits, **found.waits}
        if not (why or found.steps or waits):
            return replace(rotating, settled=_settled(db, observed))
        # What was executed is looked at again at once, but not what changes nothing, however often.
        digest = hashlib.sha256(repr(done).encode()).hexdigest() if done else ""
        fruitful = bool(done) and digest != self.done
        pause = REFUSED_AFTER if done or not waits else UNREACHABLE_AFTER
        again = now if fruitful else now + pause
        retry = self.retry if held else None if fruitful or not failed else now + REFUSED_AFTER
        return replace(
            rotating,
            tried=_mark(db),
            again=min(again, retry) if held and retry else again,
            failures=why,
            refused=frozenset(failed),
            retry=retry,
            beside=_settled(db, observed) if why and (fruitful or not done) else "",
            waits=waits,
            done=digest,
            revoked=taken,
        )

    def _rotating(self, ready: Mapping[str, int], access: Access) -> Looks:
        """Return new ones that tell of passwords that are ready: all standbys must have replayed them."""
        if not ready:
            return Looks()
        position = self.position if ready == self.ready else access.written
        if access.replayed is None or access.replayed >= position:
            return Looks(ready=ready, position=position, confirmed=True)
        waits = {Entry("roles", role): _UNSHOWN.format(role) for role in ready}
        return Looks(ready=ready, position=position, waits=waits)

    def told(self, db: PostgreSQLDatabase | None, observed: ObservedState, now: datetime) -> ObservedState:
        """Return what was observed, with what is remembered of refusals."""
        access = observed.access and replace(observed.access, revoked=self.revoked)
        unreachable = access.unreachable if access else self.unreachable
        return replace(
            observed,
            access=access,
            refusals=self.failures,
            held=self.held(db, now) if db else frozenset(),
            waiting=self.waits,
            unprovisioned=unreachable,
        )

    def anew(self) -> Looks:
        """Forget that all was as declared: what is declared elsewhere may have changed."""
        return replace(self, settled="")

    def rewritten(self) -> Looks:
        """Forget all of it: Secrets were written, maybe with other passwords."""
        return Looks(revoked=self.revoked)


def declared(db: PostgreSQLDatabase) -> bool:
    """Whether anything is declared, or was."""
    spec, status = db.spec, db.status
    return bool(spec.databases or spec.roles or status.databases or status.roles) or requested(db)


def _mark(db: PostgreSQLDatabase) -> str:
    """Return a digest of what is declared, and of what is remembered of former entries."""
    spec, status = db.spec, db.status
    declares = (spec.database, spec.owner, spec.databases, spec.roles)
    told = ([each.name for each in status.databases], [each.name for each in status.roles])
    return hashlib.sha256(msgspec.json.encode((declares, told))).hexdigest()[:16]


def _settled(db: PostgreSQLDatabase, observed: ObservedState) -> str:
    """Return the same with what else decides: the server's release, and what the primary tells."""
    primary = observed.known_primary
    return f"{_mark(db)} {observed.server_version} {primary.access if primary else ''}"
