"""spec.restore: sources and targets that can be known to be wrong. Only at creation: it never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from schemas.kubernetes import moments
from schemas.rules import buckets
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from schemas.api.backup import RestoreSource
    from schemas.rules.review import Review

PATH = "spec.restore"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse sources that cannot be read, and moments that have not come yet."""
    restore = review.spec.restore
    if not restore or review.before is not None:
        return
    yield from _source(restore.from_, review.new.metadata.name)
    if restore.target_time is not UNSET:
        yield from moment(f"{PATH}.targetTime", restore.target_time, review.now)


def _source(given: RestoreSource, name: str) -> Iterator[Violation]:
    if given.name and given.name == name:
        expected = "must be another database; the annotation keddah.dev/restore-to restores one in place"
        yield got(f"{PATH}.from.name", given.name, expected)
    if given.s3:
        yield from buckets.violations(f"{PATH}.from.s3", given.s3)
    if given.archive and given.s3:
        yield got(f"{PATH}.from.archive", given.archive, "goes with name; that of a bucket is s3.archive")
    if given.s3 and given.encryption and not given.encryption.secret:
        yield Violation(f"{PATH}.from.encryption.secret", "got nothing; must name the Secret with the key")


def warnings(review: Review) -> Iterator[str]:
    """Warn of a source that is read for everybody to see."""
    restore = review.spec.restore
    if restore and restore.from_.s3 and review.before is None:
        encrypted = bool(restore.from_.encryption)
        yield from buckets.warnings(f"{PATH}.from.s3", restore.from_.s3, encrypted=encrypted)


def moment(path: str, text: str, now: datetime, also: str = "") -> Iterator[Violation]:
    """Refuse what is no moment, or has not come yet; `also` says what else would be right."""
    wanted = moments.parse(text)
    if wanted is None:
        yield got(path, text, f"{moments.EXPECTED}{also}")
    elif wanted > now:
        yield got(path, text, f"is in the future; now it is {moments.written(now)}")
