"""The last backup of a database that is deleted with its data, and what of it stays (backup.finalBackup)."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from controller.desired import names, repository
from controller.desired.backups import last_backup as desired
from controller.kube.objects import Manifest
from controller.observe.backups.backups import Backups, backups
from controller.observe.backups.runs import Run
from controller.observe.drift import drift, stamp
from controller.observe.instances.editions import edition
from controller.observe.state import ObservedState
from controller.plan.actions import Apply
from controller.plan.ending import Ending
from controller.plan.outcome import Waiting
from controller.plan.records import held_for_others
from controller.plan.repository import REPOSITORY_COMPONENT
from controller.plan.situation import Intent, Situation
from schemas.api.types import PostgreSQLDatabase

_GIVE_UP: Final = "to delete it without, set spec.backup.finalBackup to false"


def kept(db: PostgreSQLDatabase, observed: ObservedState, manifest: Manifest) -> bool:
    """Whether an object stays when the data goes: the repository, and what it is opened with.

    Whoever wants no last backup gives up their own, and never those of a former database of the name.
    """
    name = db.metadata.name
    settings = observed.children.get("ConfigMap", {}).get(names.backup_settings(name))
    if not (_wanted(db) or held_for_others(settings, db.metadata.uid)):
        return False
    return (manifest["kind"], manifest["metadata"]["name"]) in {
        ("PersistentVolumeClaim", names.repository_claim(name)),
        ("ConfigMap", names.backup_settings(name)),
        ("Secret", names.keys_secret(name)),
        ("Secret", names.encryption_secret(name)),
    }


def last_backup(db: PostgreSQLDatabase, observed: ObservedState) -> Ending | None:
    """Return what is to be done about the last backup; None when nothing keeps the data from going.

    What is written after it is in no backup: the repository's server goes along with the instances, and a
    primary that others could take over from does not wait for the archive as it stops.
    """
    found = backups(observed, db.metadata.name)
    if _asked(db) and not repository.enabled(db):
        told = f'a last backup is asked for, and backupSchedule is ""; {_GIVE_UP}'
        return Ending((), Waiting(30, "Deleting", told))
    if not _wanted(db) or observed.statefulset is None or found.settings is None:
        return None
    # The times of both are in UTC, and written alike.
    if found.record.last_backup and found.record.last_backup >= str(db.metadata.deletion_timestamp):
        return _remembered(db, observed)
    made = found.named(names.last_backup(db.metadata.name))
    return Ending((), _told(made)) if made else _begun(db, observed, found)


def _asked(db: PostgreSQLDatabase) -> bool:
    deleted = db.metadata.deletion_timestamp is not UNSET and db.spec.deletion_policy == "Delete"
    return deleted and db.spec.backup.final_backup


def _wanted(db: PostgreSQLDatabase) -> bool:
    return _asked(db) and repository.enabled(db)


def _begun(db: PostgreSQLDatabase, observed: ObservedState, found: Backups) -> Ending:
    primary = observed.primary
    if db.spec.hibernated:
        told = f"the last backup needs a primary, and none starts while hibernated is true; {_GIVE_UP}"
        return Ending((), Waiting(10, "Deleting", told))
    if primary is None or not primary.ready:
        told = f"the last backup needs a primary, and there is none; {_GIVE_UP}"
        return Ending((), Waiting(10, "Deleting", told))
    archive = found.settings.archive if found.settings else ""
    job = stamp(desired(db, _image(observed), archive))
    action = Apply(job, "backup.finalBackup", absent=True)
    return Ending((action,), Waiting(10, "Deleting", "the last backup begins"))


def _told(run: Run) -> Waiting:
    if not run.finished:
        return Waiting(10, "Deleting", "the last backup is being made")
    if not run.reason:
        return Waiting(2, "Deleting", "the last backup is made")
    return Waiting(
        30, "Deleting", f"the last backup failed, and is tried again: {run.reason}: {run.message}; {_GIVE_UP}"
    )


def _remembered(db: PostgreSQLDatabase, observed: ObservedState) -> Ending | None:
    """Note the backup where a new database finds it, before its Job goes with the object."""
    intent = Intent(db=db, image=_image(observed), secrets=(), operator_namespace="", accepted="")
    situation = Situation(intent, observed)
    name = names.backup_settings(db.metadata.name)
    for child in REPOSITORY_COMPONENT.children(situation):
        live = observed.children.get("ConfigMap", {}).get(name)
        if child["metadata"]["name"] == name and child["kind"] == "ConfigMap" and live:
            write = stamp(child)
            if changed := drift(write, live):
                action = Apply(write, f"{changed} differs", version=live["metadata"].get("resourceVersion"))
                return Ending((action,), Waiting(1, "Deleting", "the last backup is made"))
    return None


def _image(observed: ObservedState) -> str:
    live = observed.statefulset
    found = edition(live["spec"]["template"]) if live else None
    return found.image if found else ""
