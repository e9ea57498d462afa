"""Every reason of a condition or an event: its fixed name, what it means, and when an event tells of it.

`docs/reference/reasons.md` is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from controller.report.events import Type

Telling: TypeAlias = Literal["always", "unprompted", "step", "never"]
"""When an event tells of a reason: whenever it becomes a condition's; only when Ready is lost although nobody
changed the spec; with each step, and not with the condition; never."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason."""

    meaning: str
    type: Type = "Normal"
    telling: Telling = "always"


def _warning(meaning: str) -> Reason:
    return Reason(meaning, "Warning")


def _progress(meaning: str) -> Reason:
    return Reason(meaning, telling="unprompted")


def _step(meaning: str) -> Reason:
    return Reason(meaning, telling="step")


def _quiet(meaning: str) -> Reason:
    return Reason(meaning, telling="never")


REASONS: Final[Mapping[str, Reason]] = {
    # The state that is declared.
    "Ready": Reason("All instances serve."),
    "Hibernated": Reason("No pods, as declared; the volumes are kept."),
    # On the way there.
    "Creating": Reason("The first start: no instance accepts writes yet."),
    "Deleting": Reason("The object is being deleted; the message says what that waits for."),
    "FailingOver": _warning("The leader lock of a dead primary was released, so that a standby takes over."),
    "Hibernating": Reason("The last pods are stopping."),
    "InstancesEnding": _progress("Pods that are too many have not stopped yet."),
    "InstancesStarting": _progress("Not all instances have started."),
    "Restoring": Reason("The first data comes from another database's backups; the message says how far."),
    "Paused": Reason("Somebody paused Patroni (`patronictl pause`): nothing is restarted or moved."),
    "Reconciling": _quiet("Changes were written, and their effect is awaited."),
    "ScaleDownWaits": Reason("Instances are to be removed, and no remaining one is fit to take over."),
    "StandbysCatchingUp": _progress("A standby runs, and does not follow or acknowledge yet."),
    "VolumesGrowing": Reason("Larger volumes were asked for; the message says since when."),
    # Steps that disrupt an instance, one at a time.
    "DiscardingVolume": _step(
        "A volume was deleted with its pod, as an annotation asks; both are made anew."
    ),
    "RebuildingStandby": _step("A standby's data is cloned again from the primary."),
    "RollingOut": _step("Instances are restarted, one at a time, standbys first."),
    "SwitchingOver": _step("The primary hands over, to be restarted or removed."),
    # Changes of the primary.
    "FailedOver": _warning("Another instance is primary, because the last one was lost."),
    "PrimaryBack": Reason("The same instance is primary again."),
    "PrimaryEnding": Reason("The primary's pod is being deleted; it hands over."),
    "PrimaryLost": _warning("The primary is lost; the message says how that was noticed."),
    "SwitchedOver": Reason("Another instance is primary, because the last one handed over."),
    # What befell an instance, and mended itself.
    "KilledForMemory": _warning("The kernel killed a process for lack of memory; STATUS has it if repeated."),
    "ServerCrashed": _warning("A process of the server crashed; it ended all connections and recovered."),
    # Waiting for something that may not come by itself.
    "ChildAltered": _warning("Somebody changes a child object back after each write."),
    "ClaimDeleted": _warning("A volume claim is marked for deletion and would be lost with its pod."),
    "DataDamaged": _warning("There is evidence that the data of an instance is damaged."),
    "DiscardRefused": _warning("A volume is not discarded: it may hold the last good copy."),
    "ImageNotPulled": _warning("The kubelet cannot pull the image."),
    "InstanceFailing": _warning("A container ends soon after each start."),
    "InternalError": _warning("An unexpected error ended the planning or the writing; it is tried again."),
    "NoPrimary": _warning("No instance accepts writes."),
    "PatroniDeclined": _warning("Patroni refused a request, or did not answer; it is made again."),
    "RestoreFailing": _warning("A restore failed, and is tried again; the message says why."),
    "SourceNotReady": Reason(
        "What is to be restored is not there yet: the first backup, the moment, the repository."
    ),
    "RolloutBlocked": _warning(
        "The first restarted instance does not become ready, so no other is restarted."
    ),
    "ServerNotStarting": _warning("PostgreSQL does not start."),
    "StandbyCannotFollow": _warning("A standby makes no progress; it is rebuilt if that is safe."),
    "Unschedulable": _warning("No node can take the pod."),
    # Only a person can go on.
    "RestoreRefused": _warning("A restore in place is not begun, nor tried again; the message says why."),
    "ChildOwnedByOther": _warning("An object of the name of a child belongs to somebody else."),
    "DiskFull": _warning("A volume is full; writes are refused."),
    "NoDefaultStorageClass": _warning("No StorageClass is named, and the cluster has no default one."),
    "PasswordsLost": _warning("The Secrets have new passwords, which the server does not know."),
    "PodsNotCreated": _warning("A quota, a rule or a webhook refuses pods."),
    "RolledBack": _warning("Pods of the newest template are refused, so they are made from the former one."),
    "Refused": _warning("The spec is refused; the one before stays in force."),
    "SourceDiffers": _warning("The database to restore from has another version, database or owner."),
    "SourceNotFound": _warning("There is nothing to restore from."),
    "TargetOutsideWindow": _warning("The moment to restore to is outside of what can be restored."),
    "StorageClassNotFound": _warning("The StorageClass does not exist."),
    "VersionMismatch": _warning("An image holds another version than the policy says."),
    "VersionNotAllowed": _warning("The policy has no such version."),
    "VolumeCannotGrow": _warning("Neither the StorageClass nor the storage lets volumes grow so far."),
    "VolumesGone": _warning("The volumes are gone that Patroni's state is about."),
    "VolumesHoldOther": _warning("Kept volumes hold the data of another database."),
    "VolumesUnknown": _warning("There are volumes, and nothing that says what they hold."),
    "WriteRefused": _warning("The API server refuses a write."),
    # Of Secrets.
    "SecretsRestored": _warning("Secrets were missing, and were written again."),
    # Of the condition Replicated.
    "NotSynchronous": _quiet("No standby acknowledges commits yet."),
    "SingleInstance": _quiet("There is no standby, as declared."),
    "SlotHoldsWAL": _warning("Replication slots hold WAL for consumers that are away."),
    "SlotInvalid": _warning("The WAL that consumers of replication slots need is gone."),
    "StandbysBehind": _quiet("A standby is far behind, so its answers are old."),
    "StandbysMissing": _quiet("Not every standby streams."),
    "Streaming": _quiet("Every standby streams."),
    # Of the condition UpToDate.
    "AsAllowed": _quiet("The version and image that the policy means."),
    "DowngradeRefused": _warning("The policy allows only an older version than the one that runs."),
    "NotInCatalogue": _warning("The policy has the version no more; the image stays."),
    "NotReported": _quiet("No server has told its version yet."),
    "UpToDate": Reason("The version and image that the policy means are reached."),
    "UpgradeHalted": _warning("The image fails to start in another database, so this one does not get it."),
    "UpgradePending": Reason("The policy's maintenance window is not open yet."),
    "UpgradeQueued": Reason("Other databases are upgraded first."),
    "Upgrading": Reason("Instances change to another image."),
    # Of backups.
    "BackupFailed": _warning("A backup failed; the message says why."),
    "BackupMade": Reason("A backup was made."),
    "BackupOverdue": _warning("No backup was made within two periods of the schedule."),
    "BackupRecent": _quiet("The newest backup is no older than two periods of the schedule."),
    "BackupVerified": Reason("The newest backup was restored and looked at, and is good."),
    "BackupsSuspended": Reason("No backups are made, as declared."),
    "FirstBackup": _quiet("There is no backup yet."),
    "JobEnded": _warning("A Job that somebody made from a CronJob was ended, because no instance runs."),
    "NoSchedule": _quiet("No backups are declared, so WAL is not archived either."),
    "OldBackupsKept": _warning("A backup was made, and those that are too old could not be removed."),
    "RepositoryReplaced": _warning("The repository's volume is another one, on which there is no backup."),
    "VerificationFailed": _warning("The newest backup does not restore, or what was restored is damaged."),
    "VerificationSkipped": _warning("A verification did not come to look at the backup."),
    # Of the condition ArchivingWAL, and of runs about backups.
    "AnotherRunHoldsTheLock": _quiet("Another run about backups is under way."),
    "ArchiveOfAnotherDatabase": _warning("The archive holds the WAL of another database."),
    "Archiving": Reason("All WAL is archived."),
    "BadPageChecksum": _warning("Pages of the database have wrong checksums."),
    "BucketMissing": _warning("There is no such bucket."),
    "CertificateNotTrusted": _warning("The certificate of the repository is not trusted."),
    "ClockSkew": _warning("The clocks of the node and of the repository differ by too much."),
    "CredentialsRefused": _warning("The repository refuses the credentials."),
    "DataDirectoryNotEmpty": _warning("There is data where a backup should be restored."),
    "DatabaseMissing": _warning("What was restored has no database of the name that is declared."),
    "DatabaseUnreachable": _warning("No primary answered the run."),
    "Failed": _warning("Something else failed; the message says what is known."),
    "Interrupted": _warning("A run was ended before it was done."),
    "InvalidSettings": _warning("Settings or Secrets for the repository are missing or wrong."),
    "NoBackup": _warning("The repository holds no backup."),
    "NoRoom": _warning("A volume has no room."),
    "NotArchived": _warning("WAL waits for the archive, and nothing tells why."),
    "PodsOutdated": _quiet("The pods are of a release that made no backups."),
    "RelationDamaged": _warning("A restored table or index is damaged."),
    "RepositoryDamaged": _warning("Files of the repository are damaged."),
    "RepositoryFull": _warning("The repository is full."),
    "RepositoryUnreachable": _warning("The repository does not answer."),
    "TargetNotReached": _warning("What was asked for is outside of what can be restored."),
    "WALMissing": _warning("WAL is missing in the archive."),
    "WrongEncryptionKey": _warning("The encryption key is not the one of the repository."),
}


_TOLD: Final[Mapping[Telling, str]] = {
    "always": "yes",
    "unprompted": "when READY is lost without a change of the spec",
    "step": "with each step",
    "never": "no",
}
_HEAD: Final = (
    "<!-- Generated from controller/report/reasons.py by `make manifests`. -->",
    "# Reasons of conditions and events",
    "",
    "The names are fixed: alerts and scripts may rely on them. The column STATUS shows that of Ready.",
    "",
    "| reason | type | event | meaning |",
    "|---|---|---|---|",
)


def page() -> str:
    """Return the page of the documentation."""
    rows = (
        f"| `{name}` | {reason.type} | {_TOLD[reason.telling]} | {reason.meaning} |"
        for name, reason in sorted(REASONS.items())
    )
    return "\n".join((*_HEAD, *rows, ""))
