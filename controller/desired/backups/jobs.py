"""The Jobs: one makes a backup, one restores the newest to a scratch volume and looks at it."""

from __future__ import annotations

from typing import Final

from controller.desired import labels, names
from controller.desired.backups.pods import backup_pod, verify_pod
from controller.desired.child import child
from controller.kube.objects import Manifest
from schemas.api.types import PostgreSQLDatabase

COMMAND: Final = "keddah.dev/run"
"""Label of a Job and its pods: what it does. `kubectl create job --from=cronjob/…` copies it."""
ARCHIVE: Final = "keddah.dev/archive"
"""Annotation of a Job: the archive that it is made for."""
REQUEST: Final = "keddah.dev/request"
"""Annotation of a Job that somebody asked for: the digest of what they called it."""

_MINUTE: Final = 60
_DAY: Final = 24 * 60 * _MINUTE
_TRIES: Final = 3
"""How often a backup is tried again, after 10, 20 and 40 s: what lasts longer is told."""
_FIRST_AGAIN: Final = 5 * _MINUTE
"""Seconds after which a first backup that failed makes room for another."""
_GIBIBYTE: Final = 1 << 30
_LEAST_SCRATCH: Final = 4


def backup_spec(db: PostgreSQLDatabase, image: str, *options: str) -> Manifest:
    """Return the spec of a Job that makes a backup.

    There is no deadline, for nobody knows how long a large database takes, and a Job that waits for its
    repository is as good as a later one. There is no podFailurePolicy: with one, no pod would be made for one
    that is lost with its node.
    """
    return {
        "backoffLimit": _TRIES,
        "template": {"metadata": {"labels": _labels(db, "backup")}, "spec": backup_pod(db, image, *options)},
    }


def verify_spec(db: PostgreSQLDatabase, image: str, database_bytes: int) -> Manifest:
    """Return the spec of a Job that verifies; it is given up after a day, for want of room say."""
    template = {
        "metadata": {"labels": _labels(db, "verify")},
        "spec": verify_pod(db, image, scratch_size(database_bytes)),
    }
    return {"backoffLimit": 1, "activeDeadlineSeconds": _DAY, "template": template}


def scratch_size(database_bytes: int) -> str:
    """Return the size of the volume that a database of so many bytes is restored to.

    It has room for a quarter more, and for the WAL of recovery. Sizes are powers of two, so that the CronJob
    is not written each time that the database has grown.
    """
    least = database_bytes * 5 // 4 + 2 * _GIBIBYTE
    size = _LEAST_SCRATCH
    while size * _GIBIBYTE < least:
        size *= 2
    return f"{size}Gi"


def first_backup(db: PostgreSQLDatabase, image: str, archive: str) -> Manifest:
    """Return the Job of the first backup.

    It goes soon after it has ended: if it failed, another of its name comes; if not, that is remembered.
    """
    spec = {**backup_spec(db, image), "ttlSecondsAfterFinished": _FIRST_AGAIN}
    return _job(db, names.first_backup(db.metadata.name), "backup", spec, {ARCHIVE: archive})


def last_backup(db: PostgreSQLDatabase, image: str, archive: str) -> Manifest:
    """Return the Job of the backup before the data goes; one that failed makes room for another, too."""
    spec = {**backup_spec(db, image), "ttlSecondsAfterFinished": _FIRST_AGAIN}
    return _job(db, names.last_backup(db.metadata.name), "backup", spec, {ARCHIVE: archive})


def backup_of_restored(db: PostgreSQLDatabase, image: str, archive: str, restored: str) -> Manifest:
    """Return the Job of the full backup after a restore in place; `restored`: when that was over.

    Those from before are of data that was left, or make what is restored replay all that came since.
    """
    spec = {**backup_spec(db, image, "--full"), "ttlSecondsAfterFinished": _FIRST_AGAIN}
    digits = "".join(filter(str.isdigit, restored))
    return _job(db, names.asked_backup(db.metadata.name, digits), "backup", spec, {ARCHIVE: archive})


def asked_backup(db: PostgreSQLDatabase, image: str, archive: str, request: str) -> Manifest:
    """Return the Job of a backup that somebody asked for; `request` is the digest of what they called it."""
    spec = {**backup_spec(db, image), "ttlSecondsAfterFinished": _DAY}
    notes = {ARCHIVE: archive, REQUEST: request}
    return _job(db, names.asked_backup(db.metadata.name, request), "backup", spec, notes)


def asked_verification(
    db: PostgreSQLDatabase, image: str, archive: str, request: str, database_bytes: int
) -> Manifest:
    """Return the Job of a verification that somebody asked for."""
    spec = {**verify_spec(db, image, database_bytes), "ttlSecondsAfterFinished": _DAY}
    notes = {ARCHIVE: archive, REQUEST: request}
    return _job(db, names.asked_verification(db.metadata.name, request), "verify", spec, notes)


def template(db: PostgreSQLDatabase, command: str, archive: str, spec: Manifest) -> Manifest:
    """Return the template of a CronJob's Jobs; its labels and annotations are the Jobs' own."""
    metadata = {"labels": _labels(db, command), "annotations": {ARCHIVE: archive}}
    return {"metadata": metadata, "spec": spec}


def _job(db: PostgreSQLDatabase, name: str, command: str, spec: Manifest, notes: dict[str, str]) -> Manifest:
    return child(
        db,
        "batch/v1",
        "Job",
        name,
        body={"spec": spec},
        annotations=notes,
        extra_labels={COMMAND: command},
        component=labels.BACKUP,
    )


def _labels(db: PostgreSQLDatabase, command: str) -> dict[str, str]:
    return {**labels.common(db.metadata.name, labels.BACKUP), COMMAND: command}
