"""spec.backup and spec.restore: when backups are made, where they are kept, what a database starts from."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from schemas.api.fields import (
    Bytes,
    Count,
    Host,
    Moment,
    ObjectName,
    Part,
    Quantity,
    Schedule,
    SecretReference,
    about,
)

Addressing = Literal["Path", "VirtualHost"]

SecretKey = Annotated[str, Meta(pattern=r"^[-._a-zA-Z0-9]+\Z", max_length=253, title="a key of a Secret")]
Folder = Annotated[str, Meta(min_length=1, max_length=512)]
ArchiveName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*\Z", max_length=100, title="at most 100 of a-z, 0-9 and -")
]
Location = Annotated[
    str, Meta(pattern=r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}\Z", title="a WAL location, such as 0/3000060")
]
RestorePoint = Annotated[str, Meta(min_length=1, max_length=63)]


class CertificateReference(Part, frozen=True, kw_only=True):
    """Certificates in a Secret of the database's own namespace."""

    name: Annotated[ObjectName, about("Name of the Secret.")]
    key: Annotated[SecretKey, about("Key of the Secret that holds the certificates, in PEM.")] = "ca.crt"


class KeyReference(Part, frozen=True, kw_only=True):
    """An encryption key in a Secret of the database's own namespace."""

    name: Annotated[ObjectName, about("Name of the Secret.")]
    key: Annotated[SecretKey, about("Key of the Secret that holds the encryption key.")] = "key"


class VolumeRepository(Part, frozen=True, kw_only=True):
    """Backups on a volume of the cluster."""

    size: Annotated[Quantity, about("Size of the repository's volume. It can grow, never shrink.")] = "10Gi"
    storage_class_name: Annotated[
        ObjectName | UnsetType, about("StorageClass of the repository's volume.")
    ] = UNSET


class S3Repository(Part, frozen=True, kw_only=True):
    """Backups in an S3 bucket."""

    bucket: Annotated[str, Meta(description="Name of the bucket.", min_length=3, max_length=63)]
    endpoint: Annotated[
        Host, about("Host of the S3 service, with :port if needed; https unless it begins with http://.")
    ]
    region: Annotated[str, Meta(description="Region of the bucket.", min_length=1, max_length=64)] = (
        "us-east-1"
    )
    path: Annotated[
        Folder | UnsetType,
        about("Folder in the bucket that holds the repository; /NAMESPACE/NAME when absent."),
    ] = UNSET
    addressing: Annotated[
        Addressing, about("Where the bucket's name goes: Path of the URL, or VirtualHost, before the host.")
    ] = "Path"
    ca_secret: Annotated[
        CertificateReference | UnsetType,
        about("Authorities that the endpoint's certificate is checked against; the system's when absent."),
    ] = UNSET
    credentials: Annotated[
        SecretReference | UnsetType,
        about("Secret with the keys accessKeyId and secretAccessKey; the pods' own identity when absent."),
    ] = UNSET


class S3Source(S3Repository, frozen=True, kw_only=True):
    """Another database's backups in an S3 bucket. That database need not exist here."""

    archive: Annotated[
        ArchiveName | UnsetType,
        about("Which archive of the folder, where it holds several; the only one when absent."),
    ] = UNSET


class Encryption(Part, frozen=True, kw_only=True):
    """Encryption of everything in the repository."""

    secret: Annotated[
        KeyReference | UnsetType,
        about("Secret with the key; when absent a key is generated, in the Secret NAME-encryption."),
    ] = UNSET


class Repository(Part, frozen=True, kw_only=True):
    """Where backups and archived WAL are kept. At most one kind is set."""

    volume: Annotated[
        VolumeRepository | UnsetType, about("A volume of the cluster; served to this database's pods only.")
    ] = UNSET
    s3: Annotated[S3Repository | UnsetType, about("A bucket of an S3 service.")] = UNSET
    encryption: Annotated[
        Encryption | UnsetType, about("Encrypts what is in the repository; {} generates the key.")
    ] = UNSET


class Retention(Part, frozen=True, kw_only=True):
    """How long backups are kept."""

    days: Annotated[
        int,
        Meta(
            description="Recovery window: the database can be restored to any second of so many days.",
            ge=1,
            le=3650,
        ),
    ] = 14


class Verify(Part, frozen=True, kw_only=True):
    """The proof that backups restore: the newest is restored to a scratch volume, started and checked."""

    schedule: Annotated[
        Schedule | UnsetType,
        about(
            "When the newest backup is restored and checked, in the cron dialect of backupSchedule; "
            '"" for never. By default weekly, spread by namespace and name.'
        ),
    ] = UNSET


class Backup(Part, frozen=True, kw_only=True):
    """How backups are made and kept."""

    time_zone: Annotated[
        str,
        Meta(
            description="IANA time zone in which schedules are read, such as Europe/Berlin.",
            max_length=64,
        ),
    ] = "UTC"
    suspended: Annotated[bool, about("True stops scheduled backups; WAL goes on being archived.")] = False
    full_every: Annotated[
        str,
        Meta(
            description="A backup is full when the newest full one is older than this, such as 7d or 36h; "
            "else it holds what changed since. 0s makes every backup full.",
            max_length=32,
        ),
    ] = "7d"
    retention: Annotated[Retention, about("How long backups are kept.")] = field(default_factory=Retention)
    verify: Annotated[Verify, about("The proof that backups restore.")] = field(default_factory=Verify)
    final_backup: Annotated[
        bool,
        about(
            "With deletionPolicy Delete: true makes a last backup before the data goes, and keeps the "
            "repository."
        ),
    ] = False
    repository: Annotated[
        Repository,
        about("Where backups are kept; a volume of 10Gi when absent. Cannot change once it holds a backup."),
    ] = field(default_factory=Repository)


class RestoreSource(Part, frozen=True, kw_only=True):
    """Whose backups are read: those of a database of this namespace, or a repository's. One of the two."""

    name: Annotated[
        ObjectName | UnsetType,
        about("Database of the same namespace, running or deleted with deletionPolicy Retain."),
    ] = UNSET
    archive: Annotated[
        ArchiveName | UnsetType,
        about("With name: which archive of its repository; that in use when absent. BackedUp names others."),
    ] = UNSET
    s3: Annotated[S3Source | UnsetType, about("A repository in an S3 bucket; it is only read.")] = UNSET
    encryption: Annotated[
        Encryption | UnsetType,
        about("Key of an encrypted repository; that of a database here is known, unless it has changed."),
    ] = UNSET


class Restore(Part, frozen=True, kw_only=True):
    """Start from another database's backups. Only at creation. At most one target is set."""

    from_: Annotated[RestoreSource, about("Whose backups are read.")] = field(name="from")
    target_time: Annotated[
        Moment | UnsetType,
        about("RFC 3339 moment up to which changes are replayed; the newest when absent."),
    ] = UNSET
    target_lsn: Annotated[
        Location | UnsetType,
        about("WAL location up to which changes are replayed, such as 0/3000060."),
    ] = field(name="targetLSN", default=UNSET)
    target_name: Annotated[
        RestorePoint | UnsetType,
        about("Name given to pg_create_restore_point(), up to which changes are replayed."),
    ] = UNSET


class BackupError(Part, frozen=True, kw_only=True):
    """Why a run did not succeed."""

    time: Annotated[Moment, about("When it ended, RFC 3339.")]
    reason: Annotated[str, Meta(description="Reason, a fixed CamelCase word.", max_length=1024)]
    message: Annotated[str, Meta(description="Human-readable details.", max_length=4096)] = ""


class Backups(Part, frozen=True, kw_only=True):
    """What the repository holds, as the newest run found it."""

    count: Annotated[Count, about("Good backups in the repository.")] = 0
    size_bytes: Annotated[Bytes | UnsetType, about("Bytes that all backups take there.")] = UNSET
    oldest_restorable_time: Annotated[
        Moment | UnsetType, about("Earliest moment that can be restored, RFC 3339.")
    ] = UNSET
    newest_restorable_time: Annotated[
        Moment | UnsetType,
        about(
            "Moment up to which all WAL is archived, RFC 3339. A database that nobody writes to archives "
            "nothing: while ArchivingWAL is True, later moments can be restored, too."
        ),
    ] = UNSET
    archive_lag_seconds: Annotated[
        Count | UnsetType,
        about(
            "Age of the oldest WAL that should be archived by now, in whole minutes; 0 when there is none."
        ),
    ] = UNSET
    last_verified_time: Annotated[
        Moment | UnsetType, about("When a backup was last restored and found good, RFC 3339.")
    ] = UNSET
    last_error: Annotated[
        BackupError | UnsetType,
        about("Why the newest run failed, or could not remove old backups; absent when it succeeded."),
    ] = UNSET
