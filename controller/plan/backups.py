"""The backups as a component of the plan: when which Job runs, and which goes.

None of it holds up anything else of the database: a backup that fails, or waits, is told and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from msgspec import UNSET

from controller.desired import backups as desired
from controller.desired import names, repository
from controller.desired.labels import BACKUP, REPOSITORY
from controller.desired.repository.pod import has_sidecar
from controller.kube.objects import Manifest, condition_of
from controller.observe.backups.backups import Backups
from controller.observe.backups.runs import Command, Run, overdue_from, patience_ends
from controller.observe.ownership import owned
from controller.plan.actions import Delete, EndTries
from controller.plan.component import Component
from controller.plan.situation import Situation
from controller.protocol.settings import Reason, Settings, VolumeRepository
from schemas.api.types import PostgreSQLDatabase
from schemas.rules import requests

JOB_ENDED: Final = "JobEnded"
"""Reason of the event."""

_AGAIN: Final = "kubectl create job --from=cronjob/…"
_DIGITS: Final = 8
_FOR_ALL: Final[frozenset[str]] = frozenset(
    {
        Reason.ANOTHER_DATABASE,
        Reason.BUCKET_MISSING,
        Reason.CREDENTIALS_REFUSED,
        Reason.PAGE_CHECKSUM,
        Reason.WRONG_ENCRYPTION_KEY,
    }
)
_HOPELESS: Final[Mapping[Command, frozenset[str]]] = {
    "backup": _FOR_ALL,
    "verify": _FOR_ALL
    | {
        Reason.INDEX_DAMAGED,
        Reason.NO_BACKUP,
        Reason.NO_ROOM,
        Reason.OTHER_MAJOR,
        Reason.REPOSITORY_DAMAGED,
        Reason.WAL_MISSING,
    },
}
"""Reasons that last until somebody does something: the same Job's next try would end alike."""
_SECRETS_SECONDS: Final = 10.0
"""How often is looked for a Secret that is missing: no event tells of it."""
_LONGEST_SLEEP: Final = 6 * 3600.0
"""Seconds. A reconcile that finds nothing to do costs no request."""


def _children(situation: Situation) -> Iterator[Manifest]:
    db, image, found = situation.db, situation.intent.image, situation.backups
    if not repository.enabled(db) or found.settings is None:
        return
    archive = found.settings.archive
    yield desired.backup_cronjob(db, image, archive)
    if (size := found.database_bytes) and _verified(db):
        yield desired.verify_cronjob(db, image, archive, size)
    if (job := _job(situation, found, found.settings)) is not None:
        yield job


def _verified(db: PostgreSQLDatabase) -> bool:
    return db.spec.backup.verify.schedule not in ("", UNSET)


def _job(situation: Situation, found: Backups, settings: Settings) -> Manifest | None:
    """Return the one Job that is to be made now. What a CronJob makes, it makes by itself.

    A verification reads what a backup may remove as too old, so it waits for it; a backup waits for none.
    """
    if not _possible(situation, settings):
        return None
    db, image, archive = situation.db, situation.intent.image, settings.archive
    job: Manifest | None = None
    if not found.unfinished("backup"):
        if asked := _request(db, found, requests.BACKUP):
            job = desired.asked_backup(db, image, archive, asked)
        elif found.lacking and not db.spec.backup.suspended:
            job = _first(db, image, archive, found)
    size, asked = found.database_bytes, _request(db, found, requests.VERIFICATION)
    if job is None and size and asked and not found.unfinished():
        job = desired.asked_verification(db, image, archive, asked, size)
    # One that has ended under this name may not be remembered yet.
    return None if job is None or found.named(job["metadata"]["name"]) else job


def _first(db: PostgreSQLDatabase, image: str, archive: str, found: Backups) -> Manifest:
    if found.restored and found.record.last_backup:
        return desired.backup_of_restored(db, image, archive, found.restored)
    return desired.first_backup(db, image, archive)


def _possible(situation: Situation, settings: Settings) -> bool:
    """Whether a Job that is made now would find a primary that it can back up, and the repository."""
    observed, primary = situation.observed, situation.observed.primary
    if situation.db.spec.hibernated or primary is None or not primary.ready or primary.deleting:
        return False
    if observed.lacking:
        return False  # Neither the repository nor a Job has what it needs.
    pod = observed.pods.get(primary.name)
    if pod is not None and not has_sidecar(pod):
        return False  # From before there were backups; it is replaced as the policy allows.
    if not isinstance(settings.repository, VolumeRepository):
        return True
    servers = observed.of(REPOSITORY, "StatefulSet").values()
    return any((server.get("status") or {}).get("readyReplicas") for server in servers)


def _request(db: PostgreSQLDatabase, found: Backups, annotation: str) -> str:
    """Return the digest of what is asked for and was not carried out yet; "" if that is nothing."""
    asked = db.metadata.annotations.get(annotation, "")
    # One name may be used for both.
    digest = hashlib.sha256(f"{annotation}={asked}".encode()).hexdigest()[:_DIGITS]
    return digest if asked and digest not in found.record.requests else ""


def _upkeep(situation: Situation) -> list[Delete | EndTries]:
    """End what should not be there: all, once no backups are declared; what waits, while no instance runs."""
    db, observed = situation.db, situation.observed
    cronjobs, jobs = observed.of(BACKUP, "CronJob"), observed.of(BACKUP, "Job")
    if not repository.enabled(db):
        ours = [each for each in (*cronjobs.values(), *jobs.values()) if owned(db, each)]
        return [_delete(each, "no backups are declared") for each in ours]
    verifying = cronjobs.get(names.verify_cronjob(situation.name))
    if verifying and not _verified(db) and owned(db, verifying):
        return [_delete(verifying, "no verification is declared")]
    if db.spec.hibernated:
        going = [run for run in situation.backups.unfinished() if not _over(run, jobs[run.name])]
        return [_put_to_sleep(run, jobs[run.name]) for run in going]
    return [end for run in situation.backups.runs if (end := _end(run, jobs[run.name]))]


def _end(run: Run, job: Manifest) -> Delete | EndTries | None:
    """End a Job that comes to nothing: whoever waits for its result is told at once, and the next comes."""
    if run.given_up:
        return _delete(job, run.message)
    if run.state == "Pending" and run.reason in _HOPELESS[run.command]:
        return EndTries(run.name, run.version, f"{run.reason}: another try would end as this one")
    return None


def _over(run: Run, job: Manifest) -> bool:
    """Whether a Job has ended, or is about to, and its result was not read yet: that must not get lost."""
    status = job.get("status") or {}
    ended = any(condition_of(status, kind).get("status") == "True" for kind in ("Complete", "Failed"))
    return ended or run.succeeded


def _put_to_sleep(run: Run, job: Manifest) -> Delete:
    """End a Job that no instance is there for; whoever made it by hand is told, for nobody makes it again."""
    if not run.by_hand:
        return _delete(job, "no instance runs")
    why = f"no instance runs, for hibernated is true; it is not made again by itself: {_AGAIN} makes another"
    return replace(_delete(job, f"{why} when the database runs"), event=JOB_ENDED)


def _delete(manifest: Manifest, reason: str) -> Delete:
    metadata = manifest["metadata"]
    version = metadata["resourceVersion"]
    return Delete(manifest["kind"], metadata["name"], metadata["uid"], version, reason, metadata["namespace"])


def _watched(situation: Situation) -> float | None:
    """Return when a backup would be overdue, or a verification is given up: no event tells of either."""
    observed, db = situation.observed, situation.db
    if not repository.enabled(db) or db.spec.hibernated or observed.seen is None:
        return None
    if observed.lacking:
        return _SECRETS_SECONDS
    overdue = overdue_from(db, situation.backups.record.last_backup)
    moments = [overdue, *map(patience_ends, situation.backups.runs)]
    ahead = [(each - observed.seen).total_seconds() for each in moments if each and each > observed.seen]
    return min(min(ahead) + 1, _LONGEST_SLEEP) if ahead else None


BACKUPS: Final = Component(BACKUP, children=_children, upkeep=_upkeep, again=_watched)
