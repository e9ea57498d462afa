"""The backups in the status: whether there is a good and recent one, and what the repository holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from msgspec import UNSET

from controller.desired import repository
from controller.observe.backups.backups import Backups
from controller.observe.backups.record import UNPROVEN, Failure, command_of
from controller.observe.backups.runs import overdue_from
from controller.observe.state import ObservedState
from controller.plan.records import held_for_others
from controller.protocol.member import moment
from controller.protocol.results import Contents
from controller.report.archiving import lacks
from controller.report.finding import Finding, StatusComponent, Subject
from controller.report.primaries import Event
from schemas.api.types import PostgreSQLDatabase

BACKED_UP: Final = "BackedUp"
_MESSAGE_LIMIT: Final = 1024
_OF: Final = {"backup": "", "expire": "old backups were not removed: ", "verify": "verification: "}
"""How the message of status.backups.lastError begins, by what failed."""
_MINUTE: Final = 60


def _findings(subject: Subject) -> list[Finding]:
    return [_backed_up(subject)]


def _backed_up(subject: Subject) -> Finding:
    """Find out whether there is a good backup that is recent enough, and that restores if that was tried."""
    db = subject.db
    if not repository.enabled(db):
        return Finding(BACKED_UP, None, "NoSchedule", "spec.backupSchedule is empty: no backups are made")
    found = subject.backups
    if found.record.disproved:
        failure = found.record.disproved
        message = f"the newest backup does not restore: {_told(failure)}; verified at {failure.time}"
        return Finding(BACKED_UP, False, "VerificationFailed", message)
    last = _last_backup(db, found)
    none = not last or last < found.restored or found.record.outdated(last)
    finding = _first(subject) if none else _of_last(subject, last)
    return replace(finding, message=f"{finding.message}{_of_others(db, found)}")


def _of_last(subject: Subject, last: str) -> Finding:
    """Find out whether the newest backup, which ended then, is recent enough."""
    db, observed = subject.db, subject.observed
    overdue = overdue_from(db, last)
    if db.spec.hibernated:
        return Finding(BACKED_UP, True, "Hibernated", f"{_ended(last)}; none is due while no instance runs")
    if overdue is None or observed.seen is None or observed.seen < overdue:
        return Finding(BACKED_UP, True, "BackupRecent", f"{_ended(last)}{_left(subject.backups)}")
    return _overdue(db, subject.backups, last)


def _first(subject: Subject) -> Finding:
    db, found, outcome = subject.db, subject.backups, subject.outcome
    remade = found.record.remade and not found.record.last_backup
    if remade and not found.record.backup_failure:
        gone = f"the repository's volume was made anew at {found.record.remade}, so there is no backup"
        then = "backup.suspended is true" if db.spec.backup.suspended else "the next is made at once"
        return Finding(BACKED_UP, False, "RepositoryReplaced", f"{gone}; {then}")
    if subject.observed.lacking:
        return Finding(BACKED_UP, False, "InvalidSettings", lacks(subject.observed))
    since = f" since the restore in place that was over at {found.restored}" if found.restored else ""
    if db.spec.backup.suspended:
        told = f"there is no backup{since}; backup.suspended is true"
        return Finding(BACKED_UP, False, "BackupsSuspended", told)
    if found.record.backup_failure:
        return Finding(BACKED_UP, False, "BackupFailed", _told(found.record.backup_failure))
    waits = next((run.trouble for run in found.unfinished("backup") if run.trouble), "")
    if not found.runs and outcome.reason == "WriteRefused":
        waits = f"not all could be written: {outcome.message}"  # The Job may be what was refused.
    return Finding(BACKED_UP, False, "FirstBackup", waits or f"the first backup{since} has not ended yet")


def _of_others(db: PostgreSQLDatabase, found: Backups) -> str:
    """Return what the repository holds of former databases of this name; "" for nothing."""
    others = held_for_others(found.noted, db.metadata.uid)
    if not others:
        return ""
    archives = ", ".join(f"{each.archive} (newest {each.last_backup})" for each in others)
    return f"; the repository also holds backups of a former {db.metadata.name}: {archives}; those stay"


def _overdue(db: PostgreSQLDatabase, found: Backups, last: str) -> Finding:
    since = f"{_ended(last)}, more than two periods of backupSchedule ago"
    if db.spec.backup.suspended:
        return Finding(BACKED_UP, False, "BackupsSuspended", f"{since}; backup.suspended is true")
    if found.record.backup_failure:
        return Finding(BACKED_UP, False, "BackupFailed", f"{since}; {_told(found.record.backup_failure)}")
    waits = next((run.trouble for run in found.unfinished("backup") if run.trouble), "")
    return Finding(BACKED_UP, False, "BackupOverdue", f"{since}; {waits}" if waits else since)


def _ended(last: str) -> str:
    return f"the newest backup ended at {last}"


def _left(found: Backups) -> str:
    """Say that the repository grows, for what is too old could not be removed; "" where it was."""
    failure = found.record.expire_failure
    if failure is None:
        return ""
    told = f"old backups were not removed, so the repository grows: {_told(failure)}"
    return f"; {told}; the next backup tries again"


def _told(failure: Failure) -> str:
    return f"{failure.reason}: {failure.message}"[:_MESSAGE_LIMIT] if failure.message else failure.reason


def _last_backup(db: PostgreSQLDatabase, found: Backups) -> str:
    """Return when the newest good backup ended: what is remembered of it, whoever forgot it; "" for never."""
    before = db.status.last_backup_time
    return max("" if before is UNSET else str(before), found.record.last_backup)


def _fields(subject: Subject) -> Mapping[str, Any]:
    db, found = subject.db, subject.backups
    last = _last_backup(db, found)
    fields: dict[str, Any] = {"lastBackupTime": last or UNSET}
    if not repository.enabled(db):
        return fields
    return {
        **fields,
        "backups": (_summary(found) | _archived(db, subject.observed, found.record.contents)) or UNSET,
    }


def _summary(found: Backups) -> dict[str, Any]:
    record, summary = found.record, dict[str, Any]()
    if held := record.contents:
        summary |= {"count": held.backups, "sizeBytes": held.bytes}
        if held.oldest_restorable:
            summary["oldestRestorableTime"] = held.oldest_restorable
    if record.verified:
        summary["lastVerifiedTime"] = record.verified
    if failure := record.failure:
        message = f"{_OF[command_of(record)]}{failure.message[:_MESSAGE_LIMIT]}"
        summary["lastError"] = {"time": failure.time, "reason": failure.reason, "message": message}
    return summary


def _archived(db: PostgreSQLDatabase, observed: ObservedState, held: Contents | None) -> dict[str, Any]:
    """Return how far the archive reaches, as the primary says; while none says, what was said last."""
    primary, before = observed.known_primary, db.status.backups
    said = primary.archiving if primary else None
    told = None if before is UNSET else before.newest_restorable_time
    newest = max(told or "", said.restorable if said else "")
    window = _window(newest, held.oldest_restorable if held else "")
    if said is None or not (said.since or said.restorable):
        return window  # It has archived nothing yet, and nobody knows whether it will.
    since = moment(said.since)
    lag = (observed.seen - since).total_seconds() if since and observed.seen else 0
    # In whole minutes: what moved with every second would be written with each reconcile.
    lag = max(0, int(lag)) // _MINUTE * _MINUTE
    return window | {"archiveLagSeconds": lag}


def _window(newest: str, oldest: str) -> dict[str, str]:
    """Return where the recovery window ends: without a backup there is none.

    Once there is one, all WAL up to its end is archived, which the primary tells only later.
    """
    return {"newestRestorableTime": max(newest, oldest)} if newest and oldest else {}


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Event]:
    """Return the events about backups that a change of the status tells of."""
    was, now = before.get("backups") or {}, after.get("backups") or {}
    events: list[Event] = []
    last = after.get("lastBackupTime")
    # A new object on kept volumes finds what was told of the former one.
    known = "conditions" in before
    if known and last and last != before.get("lastBackupTime"):
        events.append(Event("BackupMade", f"a backup ended at {last}{_sizes(now)}"))
    verified = now.get("lastVerifiedTime")
    if known and verified and verified != was.get("lastVerifiedTime"):
        events.append(Event("BackupVerified", f"the newest backup was restored and looked at by {verified}"))
    error = now.get("lastError")
    if known and error and error["time"] != (was.get("lastError") or {}).get("time"):
        events.append(_failed(error))
    return events


def _sizes(now: Mapping[str, Any]) -> str:
    if "count" not in now:
        return ""
    return f"; the repository holds {now['count']}, {now['sizeBytes'] / (1 << 20):.0f} MiB in all"


def _failed(error: Mapping[str, str]) -> Event:
    message = f"{error['reason']}: {error['message']}".removesuffix(": ")
    if error["message"].startswith(_OF["expire"]):
        return Event("OldBackupsKept", message)
    if not error["message"].startswith(_OF["verify"]):
        return Event("BackupFailed", message)
    return Event("VerificationSkipped" if error["reason"] in UNPROVEN else "VerificationFailed", message)


BACKUPS: Final = StatusComponent(_findings, _fields)
