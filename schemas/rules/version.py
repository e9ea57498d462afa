"""spec.version: must be in the catalogue, and within a major can only go up.

That the major never goes down is also CEL (`schemas.rules.relations`).
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from schemas.verdict import Violation, got, listed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.policy.policy import Policy, Release
    from schemas.rules.review import Review

PATH = "spec.version"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse versions that are not in the catalogue, downgrades, and, for now, major upgrades."""
    wanted = review.spec.version
    if not wanted or not review.changed("version"):
        return
    release = review.policy.release(wanted)
    if release is None:
        yield got(PATH, wanted, f"must be {allowed(wanted, review.policy)}")
    elif review.before is not None and review.before.version:
        yield from _step(wanted, release, review.before.version, review)


def allowed(wanted: str, policy: Policy) -> str:
    """List the allowed versions; only those of the same major, if there are any."""
    versions = policy.versions()
    major = wanted.partition(".")[0]
    same = tuple(version for version in versions if version.partition(".")[0] == major)
    quoted = [f'"{version}"' for version in same or versions]
    return listed(quoted, most=12, joint="or")


def _step(wanted: str, release: Release, stored: str, review: Review) -> Iterator[Violation]:
    # What was stored may never have started, as where no admission server was there to refuse it.
    reported = (review.old.status.current_version or "") if review.old is not None else ""
    major = (reported or stored).partition(".")[0]
    if major.isdecimal() and release.number[0] > int(major):
        yield got(PATH, wanted, f'is a major upgrade from "{stored}", which is not supported yet')
        return
    before = running(stored, review)
    if before is not None and before[0] == release.number[0] and release.number < before:
        minor = f"{before[0]}.{before[1]}"
        yield got(PATH, wanted, f'is older than the {minor} that "{stored}" runs: a version can only go up')


def running(stored: str, review: Review) -> tuple[int, int] | None:
    """Return the running release of a stored version: as the server reports, else as the policy says."""
    reported = (review.old.status.current_version or "") if review.old is not None else ""
    same = reported.partition(".")[0] == stored.partition(".")[0]
    # A requested version may never have started: then going back from it is allowed.
    exact = reported if same else stored if "." in stored else ""
    if exact:
        major, _, minor = exact.partition(".")
        return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None
    release = review.policy.release(stored)
    return release.number if release else None


def warnings(review: Review) -> Iterator[str]:
    """Warn of a release that is deprecated or past its end of life."""
    wanted = review.spec.version
    release = review.policy.release(wanted) if wanted and review.changed("version") else None
    if release is None:
        return
    if release.end_of_life is not None and release.end_of_life <= review.now.astimezone(UTC).date():
        yield warning(
            f"{PATH}: {release.version} has had no fixes since {release.end_of_life}, move to a newer one"
        )
    elif release.deprecated:
        yield warning(f"{PATH}: {release.version} is deprecated in this cluster, move to a newer one")
