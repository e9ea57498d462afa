"""Which image and pod template a database runs: those of now, or for a while still its present ones.

A new catalogue, or a new release of keddah, concerns many databases at once, so the policy says when they are
upgraded. All other changes, and whatever a user changes, are rolled out meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from msgspec import UNSET

from controller.kube.objects import Manifest
from controller.observe.instances.editions import Edition, behind, edition, primarys_image
from controller.observe.state import ObservedState
from controller.plan.fleet import CANARY_SERVES, NOBODY, STUCK_AFTER, Move, Others, Proven
from controller.plan.instances.templates import templates
from controller.plan.outcome import Outcome
from controller.plan.repository import renewed
from controller.plan.validation import Decision
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.moments import written
from schemas.policy.maintenance import MinorUpgrades, opening
from schemas.policy.policy import Release
from schemas.postgresql.versions import VersionError, parse
from schemas.release import RELEASE

_LONGEST_SLEEP = 3600.0
"""Seconds until the next check of a window that is far away: clocks may be adjusted meanwhile."""
_OTHERS_FIRST = frozenset({"UpgradeHalted", "UpgradeQueued"})
_TURN = timedelta(minutes=1)
"""Until a database that waits for others checks again, unless it is woken earlier."""
NEW_TEMPLATE = f"the pod template of keddah {RELEASE}"


@dataclass(frozen=True, slots=True)
class Postponed:
    """Why the policy's image, or this release's pod template, is not used yet."""

    reason: str
    message: str
    until: datetime | None = None
    """When it will be used; None when only a person can change that."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The image to run now, and the pod template with it."""

    image: str
    version: str | None
    """The release in it, according to the policy; None for an image that is not in the policy any more."""
    held: Postponed | None = None
    template: Manifest | None = field(default=None, compare=False)
    repository_kept: bool = False
    """Whether the repository's server keeps the pod template that an earlier release made."""

    @property
    def edition(self) -> Edition:
        """The edition of the pods to have."""
        return (edition(self.template) if self.template else None) or Edition(self.image)

    @property
    def queued(self) -> bool:
        """Whether other databases are upgraded first."""
        return self.held is not None and self.held.reason in _OTHERS_FIRST


@dataclass(frozen=True, slots=True)
class _Step:
    """From the edition in force to the one of the policy and of this release."""

    before: Edition
    image: str
    renewed: bool
    """Whether a pod template is another one, be it the repository's."""
    what: str = ""
    """The step in words."""

    @property
    def new(self) -> str:
        """What may not come up."""
        return self.image if self.other_image else NEW_TEMPLATE

    def follows(self, move: Move) -> bool:
        """Whether another database gets the same."""
        same_image = self.other_image and move.edition.image == self.image
        return same_image or (self.renewed and move.renewed)

    def first(self, proven: Proven) -> bool:
        """Whether nobody has served for a while with what is new in it."""
        new_image = self.other_image and self.image not in proven.images
        return new_image or (self.renewed and not proven.template)

    @property
    def other_image(self) -> bool:
        return self.image != self.before.image


def choose(
    decision: Decision,
    observed: ObservedState,
    upgrades: MinorUpgrades,
    now: datetime,
    others: Others = NOBODY,
) -> Choice | None:
    """Choose image and template; None when there is no image, neither in the catalogue nor in use.

    The image is used at once if the user changed spec.version, if no pod runs, or if an upgrade is
    unfinished: that is then completed, or a broken image is corrected. The template is, too, and if the user
    changed anything else in it: the pods are replaced anyway.
    """
    db, release = decision.db, decision.release
    if db is None:
        return None
    made = templates(db, decision.before, decision.written, observed)
    before = made.edition
    if before is None:
        chosen = release and Choice(release.image, release.version)
        return replace(chosen, template=made.choose(chosen.image, wait=False)) if chosen else None
    image, kept = _wanted(decision, db, observed, before)
    waiting, server = None, renewed(db, decision.before, observed)
    step = _Step(before, image, made.renewed or server)
    due = step.other_image or (step.renewed and not made.asked)
    if due and not decision.version_changed and not _undisturbing(observed, before):
        step = replace(step, what=_words(db, observed, release, step))
        waiting = _pending(step, opening(upgrades, now), now) or _turn(step, upgrades, others, now)
    image = before.image if waiting else image
    version = release.version if release and image == release.image and kept is None else None
    template = made.choose(image, wait=waiting is not None)
    return Choice(image, version, waiting or kept, template, repository_kept=bool(waiting) and server)


def _wanted(
    decision: Decision, db: PostgreSQLDatabase, observed: ObservedState, before: Edition
) -> tuple[str, Postponed | None]:
    """Return the image to have, and why it is not the policy's if so."""
    release = decision.release
    if release is None:
        return before.image, _dropped(db)
    if before.image == release.image and not behind(observed, before):
        return release.image, None
    refused = _downgrade(db, observed, release)
    return (primarys_image(observed) or before.image, refused) if refused else (release.image, None)


def reported(db: PostgreSQLDatabase, observed: ObservedState) -> str | None:
    """Return the version that the primary reports, or reported last."""
    last = db.status.current_version
    return observed.server_version or (last if last is not UNSET else None)


def awake(outcome: Outcome, choice: Choice, now: datetime) -> Outcome:
    """Return the outcome, with a reconcile no later than when the image may be used."""
    if choice.held is None or choice.held.until is None:
        return outcome
    seconds = min(max((choice.held.until - now).total_seconds(), 1.0), _LONGEST_SLEEP)
    soonest = seconds if outcome.after is None else min(outcome.after, seconds)
    return replace(outcome, after=soonest)


def _dropped(db: PostgreSQLDatabase) -> Postponed:
    message = f"the policy's catalogue has no version {db.spec.version}; the image stays as it is"
    return Postponed("NotInCatalogue", message)


def _undisturbing(observed: ObservedState, before: Edition) -> bool:
    """Whether an upgrade interrupts nothing that is not interrupted already."""
    if not observed.instances or behind(observed, before):
        return True
    serving = any(instance.ready for instance in observed.instances)
    return not serving and any(instance.trouble for instance in observed.instances)


def _downgrade(db: PostgreSQLDatabase, observed: ObservedState, release: Release) -> Postponed | None:
    """Refuse an older minor version than the data was used with: PostgreSQL does not test downgrades."""
    known = reported(db, observed)
    try:
        current = parse(known or "")
    except VersionError:
        return None
    if release.number >= (current.major, current.minor):
        return None
    message = (
        f"{known} is running, and the policy allows at most {release.version}; downgrades are not supported"
    )
    return Postponed("DowngradeRefused", message)


def _words(db: PostgreSQLDatabase, observed: ObservedState, release: Release | None, step: _Step) -> str:
    if release is None or not step.other_image:
        return NEW_TEMPLATE
    known = reported(db, observed)
    words = f"{known} -> {release.version}" if known != release.version else f"another image of {known}"
    return f"{words}, and {NEW_TEMPLATE}" if step.renewed else words


def _pending(step: _Step, opens: datetime, now: datetime) -> Postponed | None:
    if opens <= now:
        return None
    message = f"{step.what}: the policy's maintenance window opens at {written(opens)}"
    return Postponed("UpgradePending", message, opens)


def _turn(step: _Step, upgrades: MinorUpgrades, others: Others, now: datetime) -> Postponed | None:
    """Wait for the databases that get the same first; the message does not depend on which they are."""
    ahead = {name: move for name, move in others.moves.items() if step.follows(move)}
    stuck = min((name for name, move in ahead.items() if move.stuck(now)), default=None)
    if stuck:
        message = (
            f"{step.new} has not come up in {stuck} for {STUCK_AFTER.seconds // 60} minutes, so no other"
        )
        return Postponed("UpgradeHalted", f"{step.what}: {message} database gets it", now + _TURN)
    if ahead and step.first(others.proven):
        served = min((each.since + CANARY_SERVES for each in ahead.values() if each.complete), default=None)
        message = f"one database goes first, and others once it has served for {CANARY_SERVES.seconds} s"
        return Postponed("UpgradeQueued", f"{step.what}: {message}", served or now + _TURN)
    if len(ahead) < upgrades.at_once:
        return None
    return Postponed(
        "UpgradeQueued",
        f"{step.what}: the policy allows {upgrades.at_once} at a time; other databases go first",
        now + _TURN,
    )
