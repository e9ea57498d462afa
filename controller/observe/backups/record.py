"""What is remembered of the runs of a database: they and their Jobs are pruned, this is not.

It is an annotation of the ConfigMap that pods mount the settings from. That is kept with the volumes, so it
outlives the controller and the object: a database that is created again on kept volumes knows its backups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from controller.kube.objects import Manifest
from controller.observe.backups.runs import Command, Run
from controller.protocol.results import Contents, Result
from controller.protocol.settings import Reason

RECORD: Final = "keddah.dev/backups"
"""The annotation."""

_MOST: Final = 20
"""How many requests are remembered, and how many Jobs: more than there are of either at a time."""

UNPROVEN: Final = frozenset(
    {
        Reason.BUSY,
        Reason.CERTIFICATE_NOT_TRUSTED,
        Reason.CLOCK_SKEW,
        Reason.CREDENTIALS_REFUSED,
        Reason.BUCKET_MISSING,
        Reason.DATABASE_UNREACHABLE,
        Reason.INTERRUPTED,
        Reason.INVALID_SETTINGS,
        Reason.NO_BACKUP,
        Reason.NO_ROOM,
        Reason.REPOSITORY_UNREACHABLE,
    }
)
"""Reasons of a verification that says nothing about the backup: it never came to look at it."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a run did not succeed."""

    time: str
    reason: str
    message: str = ""


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is remembered; all times are RFC 3339 in UTC, so that they sort as text."""

    archive: str = ""
    contents: Contents | None = None
    read: str = ""
    """When the contents were read."""
    last_backup: str = ""
    """When the newest good backup ended."""
    backup_failure: Failure | None = None
    """Of the newest backup; None when it was good."""
    expire_failure: Failure | None = None
    """Why the newest backup that was made left what is too old; None when that was removed."""
    verified: str = ""
    """When a backup was last restored and found good."""
    verify_failure: Failure | None = None
    """Of the newest verification; None when it was good."""
    disproof: Failure | None = None
    """What the newest verification found that came to look at a backup; None when that was good."""
    requests: tuple[str, ...] = ()
    """Digests of the requests that were carried out, the oldest first."""
    counted: tuple[str, ...] = ()
    """UIDs of Jobs whose result counts here, the oldest first: their pods may be gone by now."""
    volume: str = ""
    """UID of the volume claim that all this is about; "" for a bucket, and before there is one."""
    remade: str = ""
    """When that claim was made in the place of another, and nothing from before counts; "" for the first."""
    former: tuple[Record, ...] = ()
    """What is remembered of other archives that the repository may hold, the newest first."""

    def text(self) -> str:
        """Write it for the annotation; equal records give equal text."""
        return msgspec.json.encode(self, order="sorted").decode()

    def outdated(self, last: str) -> bool:
        """Whether a backup that ended then is none of this archive, or is gone with its volume."""
        return last < self.remade or any(last <= each.last_backup for each in self.former)

    @property
    def failure(self) -> Failure | None:
        """The newest of all failures."""
        found = [each for each in (self.backup_failure, self.expire_failure, self.verify_failure) if each]
        return max(found, key=lambda each: each.time, default=None)

    @property
    def disproved(self) -> Failure | None:
        """Why the newest backup cannot be restored: one that was skipped since says nothing against it."""
        found = self.verify_failure
        return found if found and found.reason not in UNPROVEN else self.disproof


def recorded(live: Manifest | None) -> Record:
    """Read the annotation; nothing is remembered where it is missing or damaged."""
    metadata = (live or {}).get("metadata") or {}
    text = (metadata.get("annotations") or {}).get(RECORD, "{}")
    try:
        return msgspec.json.decode(text, type=Record)
    except msgspec.MsgspecError:
        return Record()


def updated(before: Record, runs: Iterable[Run], archive: str) -> Record:
    """Return the record with the runs that have ended. `archive`: the one in force, "" before there is one.

    A run counts however often it is added, but not one of another archive, or from before the volume.
    """
    record = of_archive(before, archive) if archive else before
    ended = [
        run
        for run in runs
        if run.finished and run.archive in ("", record.archive) and run.ended >= record.remade
    ]
    # A pod goes with its lost node, say, and takes along when the backup really ended, or why it failed.
    fresh = [run for run in ended if run.result is not None or run.uid not in before.counted]
    for run in sorted(fresh, key=lambda each: each.ended):
        record = _with(record, run)
    return record


def of_archive(record: Record, archive: str) -> Record:
    """Return what is remembered of one archive; that of any other says nothing about it, and stays apart.

    `archive` is "" for a database that has no data yet: all that there is belongs to a former one.
    """
    if record.archive == archive:
        return record
    apart = msgspec.structs.replace(record, former=())
    others = (apart, *record.former) if record.archive and record.last_backup else record.former
    known = next((each for each in others if each.archive == archive), None)
    remade = "" if record.last_backup else record.remade
    fresh = Record(archive=archive, volume=record.volume, remade=remade)
    if known is None and not record.archive:
        known = msgspec.structs.replace(apart, archive=archive)
    former = tuple(each for each in others if each.archive != archive)[:_MOST]
    return msgspec.structs.replace(known or fresh, former=former)


def on_volume(record: Record, claim: Manifest | None) -> Record:
    """Return what is remembered that can be on this claim's volume: on another one there is no backup yet.

    Archives of former databases stay noted: a claim may have been made again for the same volume.
    """
    if claim is None or "deletionTimestamp" in claim["metadata"]:
        return record
    uid, since = claim["metadata"]["uid"], claim["metadata"].get("creationTimestamp", "")
    if record.volume in ("", uid):
        return msgspec.structs.replace(record, volume=uid)
    return Record(
        archive=record.archive,
        requests=record.requests,
        counted=record.counted,
        volume=uid,
        remade=since,
        former=record.former,
    )


def _with(record: Record, run: Run) -> Record:
    after = _held(record, run.result, run.ended)
    if run.request and run.request not in after.requests:
        after = msgspec.structs.replace(after, requests=(*after.requests, run.request)[-_MOST:])
    if run.result is not None and run.uid not in after.counted:
        after = msgspec.structs.replace(after, counted=(*after.counted, run.uid)[-_MOST:])
    if run.reason == Reason.BUSY and not run.request:
        return after  # Another run did it meanwhile; but who asked for one is told.
    return _verified(after, run) if run.command == "verify" else _backed_up(after, run)


def _held(record: Record, result: Result | None, ended: str) -> Record:
    if result is None or result.contents is None or ended < record.read:
        return record
    newest = max(record.last_backup, result.contents.last_backup)
    return msgspec.structs.replace(record, contents=result.contents, read=ended, last_backup=newest)


def _backed_up(record: Record, run: Run) -> Record:
    failure = _failure(record.backup_failure, record.last_backup, run)
    record = _expired(record, run)
    if run.reason:
        return msgspec.structs.replace(record, backup_failure=failure)
    newest = max(record.last_backup, run.result.made.ended if run.result and run.result.made else run.ended)
    return msgspec.structs.replace(record, backup_failure=failure, last_backup=newest)


def _expired(record: Record, run: Run) -> Record:
    """Note whether what is too old was removed, which is tried after each backup that is made."""
    before = record.expire_failure
    if run.result is None or run.result.made is None or run.ended < (before.time if before else ""):
        return record
    reason, message = run.result.expire_reason, run.result.expire_message
    failure = Failure(run.ended, reason, message) if reason else None
    return msgspec.structs.replace(record, expire_failure=failure)


def _verified(record: Record, run: Run) -> Record:
    failure = _failure(record.verify_failure, record.verified, run)
    verified = record.verified if run.reason else max(record.verified, run.ended)
    found = record.disproved if failure and failure.reason in UNPROVEN else failure
    return msgspec.structs.replace(record, verify_failure=failure, disproof=found, verified=verified)


def _failure(before: Failure | None, good: str, run: Run) -> Failure | None:
    """Return the failure that counts after a run; `good`: when the last good one of its kind ended."""
    if run.ended < max(good, before.time if before else ""):
        return before
    if before and (before.time, before.reason) == (run.ended, Reason.REPOSITORY_FULL):
        return before  # The same run: that the repository was full is not known of it any more.
    return Failure(run.ended, run.reason, run.message) if run.reason else None


def command_of(record: Record) -> Command | Literal["expire"]:
    """Return which of them failed last."""
    if record.failure is None or record.failure == record.backup_failure:
        return "backup"
    return "verify" if record.failure == record.verify_failure else "expire"
