"""The backups of one database as one reconcile sees them."""

from __future__ import annotations

from dataclasses import dataclass

from controller.desired import names
from controller.desired.labels import BACKUP, REPOSITORY
from controller.desired.repository import children
from controller.kube.objects import Manifest
from controller.observe.backups.record import Record, of_archive, on_volume, recorded, updated
from controller.observe.backups.runs import Command, Run, given_up, of_full_repository, runs
from controller.observe.identity import identifier
from controller.observe.restore.past import past
from controller.observe.state import ObservedState
from controller.protocol.settings import ProtocolError, Reason, Settings, VolumeRepository


@dataclass(frozen=True, slots=True)
class Backups:
    """What pods are told, the runs that there are, and what is remembered of all."""

    settings: Settings | None
    """None as long as the archive has no name, or nothing is declared."""
    runs: tuple[Run, ...]
    record: Record
    noted: Manifest | None = None
    """The ConfigMap with what was remembered before."""
    restored: str = ""
    """When the database was last restored in place (RFC 3339): older backups are of other data."""
    full: bool = False
    """Whether the repository is known to be full: then that is why WAL waits, and why backups fail."""

    @property
    def lacking(self) -> bool:
        """Whether there is no backup of the data as it goes on now: none at all, or none since then."""
        return not self.record.last_backup or self.record.last_backup < self.restored

    @property
    def database_bytes(self) -> int:
        """How much the newest backup restores to; 0 as long as there is none."""
        return self.record.contents.database_bytes if self.record.contents else 0

    def unfinished(self, *commands: Command) -> list[Run]:
        """Return the runs of these commands, or of all, whose Job has not ended."""
        wanted = commands or ("backup", "verify")
        return [run for run in self.runs if not run.finished and run.command in wanted]

    def named(self, name: str) -> Run | None:
        """Return the run of a Job."""
        return next((run for run in self.runs if run.name == name), None)


def backups(observed: ObservedState, name: str) -> Backups:
    """Read the backups of the database of that name."""
    live = observed.children.get("ConfigMap", {}).get(names.backup_settings(name))
    told = settings(live)
    tried = runs(observed.of(BACKUP, "Job"), observed.of(BACKUP, "Pod").values())
    ended = tuple(given_up(run, observed.seen) for run in tried)
    # What is noted before there is any data is of a former database of this name.
    new = not (identifier(observed) or observed.leadership.initialized)
    known = recorded(live)
    if new or told is not None:
        known = of_archive(known, told.archive if told and not new else "")
    here = _here(known, told, observed, name)
    full = _full(observed, here)
    found = tuple(map(of_full_repository, ended)) if full else ended
    record = updated(here, found, known.archive)
    return Backups(told, found, record, live, "" if new else past(observed, name).at, full=full)


def _full(observed: ObservedState, record: Record) -> bool:
    """Whether WAL waits for a full repository, as the primary says or, where it cannot tell, a backup."""
    said = observed.known_primary.archiving if observed.known_primary else None
    if said is None or not said.since:
        return False
    failure = record.backup_failure
    return (said.reason or (failure.reason if failure else "")) == Reason.REPOSITORY_FULL


def _here(record: Record, told: Settings | None, observed: ObservedState, name: str) -> Record:
    if told is not None and not isinstance(told.repository, VolumeRepository):
        return record
    claims = observed.of(REPOSITORY, "PersistentVolumeClaim")
    return on_volume(record, claims.get(names.repository_claim(name)))


def settings(live: Manifest | None) -> Settings | None:
    """Return what this ConfigMap tells pods; None while that is of no use."""
    try:
        return Settings.read(children.told(live))
    except ProtocolError:
        return None
