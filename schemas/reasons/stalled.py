"""What only a person can mend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons.reason import Reason, warning

_PODS: Final = "Raise the quota, or correct the rule or webhook that the message names; pods then come back."
_FROM: Final = "Delete this object, and create it with what the message names."

REASONS: Final[Mapping[str, Reason]] = {
    "RestoreRefused": warning(
        "A restore in place is not begun, nor tried again; the message says why.",
        "Mend that, then ask again: `kubectl pgdb restore NAME --to TIME`.",
    ),
    "ChildOwnedByOther": warning(
        "An object that has a name which the database needs belongs to somebody else.",
        "Delete or rename that object, or create the database under another name.",
    ),
    "DiskFull": warning(
        "A volume is full; writes are refused.",
        "Give it room, which works while it is full: raise `spec.storage.size` (`kubectl edit pgdb NAME`).",
    ),
    "NoDefaultStorageClass": warning(
        "No StorageClass is named, and the cluster has no default one.",
        "Create the database with `spec.storage.storageClassName`, or mark a class as the default.",
    ),
    "PasswordsLost": warning(
        "The Secrets have new passwords, which the server does not know.",
        "Run the commands in the message, which set them on the server.",
    ),
    "PodsNotCreated": warning("A quota, a rule or a webhook of the cluster refuses pods.", _PODS),
    "RolledBack": warning(
        "Pods of the newest template are refused, so they are made from the former one.",
        "Correct the change or take it back; the message says what refuses it.",
    ),
    "Refused": warning(
        "The spec is refused; the one before stays in force.",
        "Correct the fields that the message names: `kubectl edit pgdb NAME`.",
    ),
    "SourceDiffers": warning("The database to restore from has another version, database or owner.", _FROM),
    "SourceNotFound": warning("There is nothing to restore from.", "Correct `spec.restore.from`: " + _FROM),
    "TargetOutsideWindow": warning(
        "The moment to restore to is outside of what can be restored.",
        "Choose one of the window that `kubectl pgdb backups SOURCE` shows.",
    ),
    "StorageClassNotFound": warning(
        "The StorageClass does not exist.", "Create it, or create the database with another one."
    ),
    "VersionMismatch": warning(
        "An image holds another version than the policy says.",
        "Correct the image or the version in the ConfigMap keddah-policy.",
    ),
    "VersionNotAllowed": warning(
        "The policy has no such version.",
        "Choose one of `kubectl get configmap keddah-policy -n keddah-system -o yaml`, or add it there.",
    ),
    "VolumeCannotGrow": warning(
        "Neither the StorageClass nor the storage lets volumes grow so far.",
        "Set `spec.storage.size` back to `status.volumeSize`, or restore into a database with more.",
    ),
    "VolumesGone": warning(
        "The volumes with the data are gone, while keddah still has the passwords and state of that data.",
        "Bring them back, or restore a backup into a new database.",
    ),
    "VolumesHoldOther": warning(
        "Volumes of this name were kept, and hold the data of another database.",
        "Create the database under another name, or delete those claims if nobody needs them.",
    ),
    "VolumesUnknown": warning(
        "There are volumes of this name, and nothing says whose data they hold.",
        "Delete the claims if nobody needs them, or create the database under another name.",
    ),
    "WriteRefused": warning(
        "The API server refuses a write.", "Correct what its words, in the message, say; it is tried again."
    ),
}
