"""Of the condition ArchivingWAL, and why runs about backups fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons.reason import Reason, normal, quiet, warning

_LOGS: Final = "`kubectl pgdb logs NAME` has the repository's words."
_SECRETS: Final = "Correct the Secret or field of `spec.backup.repository` that the message names."
_DAMAGE: Final = "Find what is damaged (pg_amcheck), and restore it from an older backup if need be."
_ROOM: Final = "Give the volume that the message names more room."

REASONS: Final[Mapping[str, Reason]] = {
    "AnotherRunHoldsTheLock": quiet(
        "Another backup or verification is under way.", "Nothing: it is tried again."
    ),
    "ArchiveOfAnotherDatabase": warning(
        "The archive holds the WAL of another database.",
        "Give this database a folder of its own: `spec.backup.repository.s3.path`.",
    ),
    "Archiving": normal("All WAL is archived.", "Nothing."),
    "BadPageChecksum": warning("Pages of the database have wrong checksums.", _DAMAGE),
    "BucketMissing": warning(
        "There is no such bucket.", "Create it, or correct `spec.backup.repository.s3.bucket`."
    ),
    "CertificateNotTrusted": warning(
        "The certificate of the repository is not trusted.",
        "Name its authority in `spec.backup.repository.s3.caSecret`.",
    ),
    "ClockSkew": warning(
        "The clocks of the node and of the repository differ by too much.", "Set the node's clock (NTP)."
    ),
    "CredentialsRefused": warning("The repository refuses the credentials.", _SECRETS),
    "DataDirectoryNotEmpty": warning(
        "There is data where a backup should be restored.", "Restore into a database of another name."
    ),
    "DatabaseMissing": warning(
        "What was restored has no database of the name that is declared.",
        "Declare the name that the source has: `spec.database`.",
    ),
    "DatabaseUnreachable": warning(
        "No primary answered the backup.", "`kubectl pgdb status NAME` shows whether there is a primary."
    ),
    "Failed": warning("A backup or verification failed; the message has its last words.", _LOGS),
    "Interrupted": warning(
        "A backup or verification was ended before it was done.", "Nothing: it is tried again."
    ),
    "InvalidSettings": warning("Settings or Secrets for the repository are missing or wrong.", _SECRETS),
    "NoBackup": warning("The repository holds no backup.", "Make one: `kubectl pgdb backup NAME`."),
    "NoRoom": warning("A volume has no room.", _ROOM),
    "NotArchived": warning("WAL waits for the archive, and pgBackRest has not told why.", _LOGS),
    "PodsOutdated": quiet(
        "The pods are of a release of keddah that made no backups.",
        "Nothing: they are replaced in the policy's maintenance window.",
    ),
    "RelationDamaged": warning("A restored table or index is damaged.", _DAMAGE),
    "RepositoryDamaged": warning(
        "Files of the repository are damaged.",
        "Make a new full backup (`kubectl pgdb backup NAME`), and look at the storage.",
    ),
    "RepositoryFull": warning(
        "The repository is full.",
        "Raise `spec.backup.repository.volume.size`, or lower `spec.backup.retention.days`.",
    ),
    "RepositoryUnreachable": warning(
        "The repository does not answer.",
        "Check its pod NAME-repository-0, or the S3 endpoint and the network to it.",
    ),
    "TargetNotReached": warning(
        "What was asked for is outside of what can be restored.",
        "Choose a moment of the window that `kubectl pgdb backups NAME` shows.",
    ),
    "WALMissing": warning(
        "WAL is missing in the archive.",
        "Make a backup now (`kubectl pgdb backup NAME`): moments after it can be restored again.",
    ),
    "WrongEncryptionKey": warning(
        "The encryption key is not the one of the repository.",
        "Put the former key back into the Secret that `spec.backup.repository.encryption` names.",
    ),
}
