"""Which image a database runs: the one in the policy's catalogue, or for a while still its present one.

A new catalogue concerns many databases at once, so the policy says when they are upgraded. The present image
is the one in the StatefulSet's template; all other changes are rolled out with it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from msgspec import UNSET

from controller.observe.images import behind, image_in_force, primarys_image
from controller.observe.world import World
from controller.plan.fleet import STUCK_AFTER, Move
from controller.plan.judge import Judgement
from controller.plan.outcome import Outcome
from schemas.maintenance import MinorUpgrades, opening
from schemas.policy import Release
from schemas.types import PostgreSQLDatabase
from schemas.versions import VersionError, parse

_LONGEST_SLEEP = 3600.0
"""Seconds until the next check of a window that is far away: clocks may be adjusted meanwhile."""
_OTHERS_FIRST = frozenset({"UpgradeHalted", "UpgradeQueued"})
_TURN = timedelta(minutes=1)
"""Until a database that waits for others checks again, unless it is woken earlier."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why the policy's image is not used yet."""

    reason: str
    message: str
    until: datetime | None = None
    """When it will be used; None when only a person can change that."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The image to run now."""

    image: str
    version: str | None
    """The release in it, according to the policy; None for an image that is not in the policy any more."""
    held: Held | None = None

    @property
    def queued(self) -> bool:
        """Whether other databases are upgraded first."""
        return self.held is not None and self.held.reason in _OTHERS_FIRST


def choose(
    judgement: Judgement,
    world: World,
    upgrades: MinorUpgrades,
    now: datetime,
    others: Mapping[str, Move] = MappingProxyType({}),
) -> Choice | None:
    """Choose the image; None when there is none, neither in the catalogue nor in use.

    `others` are the databases whose image is being changed, by namespace/name.
    The image is used at once if the user changed spec.version, if no pod runs, or if an image change is
    unfinished: that is then completed, or a broken image is corrected.
    """
    db, release, running = judgement.db, judgement.release, image_in_force(world)
    if db is None or release is None:
        return Choice(running, None, _dropped(db)) if running else None
    if running is None or (running == release.image and not behind(world, running)):
        return Choice(release.image, release.version)
    held = _downgrade(db, world, release)
    if held is not None:
        return Choice(primarys_image(world) or running, None, held)
    if running != release.image and not judgement.version_changed and not _undisturbing(world, running):
        step = _step(db, world, release)
        held = _pending(step, opening(upgrades, now), now) or _turn(step, release, upgrades, others, now)
    return Choice(running, None, held) if held else Choice(release.image, release.version)


def reported(db: PostgreSQLDatabase, world: World) -> str | None:
    """Return the version that the primary reports, or reported last."""
    last = db.status.current_version
    return world.server_version or (last if last is not UNSET else None)


def awake(outcome: Outcome, choice: Choice, now: datetime) -> Outcome:
    """Return the outcome, with a reconcile no later than when the image may be used."""
    if choice.held is None or choice.held.until is None:
        return outcome
    seconds = min(max((choice.held.until - now).total_seconds(), 1.0), _LONGEST_SLEEP)
    soonest = seconds if outcome.after is None else min(outcome.after, seconds)
    return replace(outcome, after=soonest)


def _dropped(db: PostgreSQLDatabase | None) -> Held:
    version = db.spec.version if db else ""
    return Held(
        "NotInCatalogue", f"the policy's catalogue has no version {version}; the image stays as it is"
    )


def _undisturbing(world: World, running: str) -> bool:
    """Whether changing the image interrupts nothing that is not interrupted already."""
    if not world.instances or behind(world, running):
        return True
    serving = any(instance.ready for instance in world.instances)
    return not serving and any(instance.trouble for instance in world.instances)


def _downgrade(db: PostgreSQLDatabase, world: World, release: Release) -> Held | None:
    """Refuse an older minor version than the data was used with: PostgreSQL does not test downgrades."""
    known = reported(db, world)
    try:
        current = parse(known or "")
    except VersionError:
        return None
    if release.number >= (current.major, current.minor):
        return None
    message = (
        f"{known} is running, and the policy allows at most {release.version}; downgrades are not supported"
    )
    return Held("DowngradeRefused", message)


def _step(db: PostgreSQLDatabase, world: World, release: Release) -> str:
    known = reported(db, world)
    return f"{known} -> {release.version}" if known != release.version else f"another image of {known}"


def _pending(step: str, opens: datetime, now: datetime) -> Held | None:
    if opens <= now:
        return None
    moment = opens.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Held("UpgradePending", f"{step}: the policy's maintenance window opens at {moment}", opens)


def _turn(
    step: str, release: Release, upgrades: MinorUpgrades, others: Mapping[str, Move], now: datetime
) -> Held | None:
    """Wait for the databases that get the image first; the message does not depend on which they are."""
    ahead = {name: move for name, move in others.items() if move.image == release.image}
    stuck = min((name for name, move in ahead.items() if move.stuck(now)), default=None)
    if stuck:
        story = f"{release.image} has not come up in {stuck} for {STUCK_AFTER.seconds // 60} minutes"
        return Held("UpgradeHalted", f"{step}: {story}, so no other database gets it", now + _TURN)
    if len(ahead) < upgrades.at_once:
        return None
    return Held(
        "UpgradeQueued",
        f"{step}: the policy allows {upgrades.at_once} at a time; other databases go first",
        now + _TURN,
    )
