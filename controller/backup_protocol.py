"""What the programs that back a database up and the controller tell each other.

The image ships this module beside those programs, and the controller imports it: it may use the standard
library only. The controller writes `Settings`, which pods mount as a file; a Job writes a `Result`, which the
kubelet shows as its termination message. Nothing here knows the tool that does the work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

VERSION: Final = 1

SETTINGS_FILE: Final = "/etc/keddah/backup/settings.json"
RUN_DIRECTORY: Final = "/run/keddah-backup"
"""A volume in memory of the pod's own: the tool's configuration is written there, with secrets in it."""
RESTORE_DIRECTORY: Final = "/etc/keddah/restore"
"""What an instance that is to be restored has mounted: REQUEST, and the source's certificates and keys."""
REQUEST: Final = "request.json"
PROGRESS_FILE: Final = f"{RUN_DIRECTORY}/restoring"
"""How far a restore is, in words, while it goes on."""
RESULT_FILE: Final = "/dev/termination-log"
PORT: Final = 8432

ARCHIVE_COMMAND: Final = "/usr/lib/keddah/pgbackrest/archive %p"
"""PostgreSQL's archive_command. (The tool refuses to back up a server whose command lacks its name.)"""
RESTORE_COMMAND: Final = "/usr/lib/keddah/pgbackrest/fetch %f %p"
PROBE_COMMAND: Final = "/usr/lib/keddah/pgbackrest/answers"
"""Whether the server of a volume repository answers."""

MESSAGE_BYTES: Final = 4096
"""What the kubelet keeps of a termination message (Kubernetes, Determine the Reason for Pod Failure)."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
"""An archive's name is a folder of the repository, and is read by a shell."""

Addressing = Literal["Path", "VirtualHost"]
Command = Literal["backup", "expire", "restore", "verify"]


class Reason(StrEnum):
    """Why something did not succeed: all that there is, for conditions, events and metrics."""

    REPOSITORY_UNREACHABLE = "RepositoryUnreachable"
    CREDENTIALS_REFUSED = "CredentialsRefused"
    BUCKET_MISSING = "BucketMissing"
    CERTIFICATE_NOT_TRUSTED = "CertificateNotTrusted"
    WRONG_ENCRYPTION_KEY = "WrongEncryptionKey"
    REPOSITORY_FULL = "RepositoryFull"
    REPOSITORY_DAMAGED = "RepositoryDamaged"
    ANOTHER_DATABASE = "ArchiveOfAnotherDatabase"
    NO_BACKUP = "NoBackup"
    DATABASE_MISSING = "DatabaseMissing"
    OUTSIDE_WINDOW = "TargetNotReached"
    OTHER_MAJOR = "AnotherMajorVersion"
    ARCHIVE_UNKNOWN = "ArchiveNotNamed"
    WAL_MISSING = "WALMissing"
    PAGE_CHECKSUM = "BadPageChecksum"
    INDEX_DAMAGED = "RelationDamaged"
    CLOCK_SKEW = "ClockSkew"
    BUSY = "AnotherRunHoldsTheLock"
    DATABASE_UNREACHABLE = "DatabaseUnreachable"
    NO_ROOM = "NoRoom"
    NOT_EMPTY = "DataDirectoryNotEmpty"
    INVALID_SETTINGS = "InvalidSettings"
    INTERRUPTED = "Interrupted"
    OTHER = "Failed"


FINAL: Final = frozenset({Reason.DATABASE_MISSING})
"""Why a restore would fail each time alike: it is not tried again until something else is asked for."""


class ProtocolError(ValueError):
    """What was read is none of this; the message says why, without the values."""


@dataclass(frozen=True, kw_only=True)
class VolumeRepository:
    """A volume, with a server beside it; `host` is that server's name as its certificate has it."""

    host: str
    path: str = "/var/lib/keddah-repository"
    port: int = PORT


@dataclass(frozen=True, kw_only=True)
class S3Repository:
    """A folder of a bucket."""

    bucket: str
    endpoint: str
    """`https://host:port`, `http://…` or a bare host."""
    path: str
    region: str = "us-east-1"
    addressing: Addressing = "Path"
    ca_file: str = ""
    """Authorities that the endpoint's certificate is checked against; "" for the system's own."""
    credentials: str = ""
    """A folder with the files accessKeyId and secretAccessKey; "" for the pod's own identity."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that is configured, the same for every pod of a database; secrets are files that it names."""

    archive: str
    """The archive's name within the repository: the lineage of the data, not of the object (see below)."""
    data: str
    repository: VolumeRepository | S3Repository
    members: tuple[str, ...] = ()
    """The names of all instances, for the one that backs up: it finds the primary and a standby itself."""
    port: int = PORT
    """Of the servers beside the instances."""
    tls: str = "/etc/keddah/backup/tls"
    """A folder with ca.crt, tls.crt and tls.key, as a Secret of type kubernetes.io/tls has them."""
    clients: tuple[str, ...] = ()
    """Common names of the certificates whose holders the server in this pod answers."""
    encryption_key_file: str = ""
    spool: str = "/var/lib/postgresql/spool"
    socket: str = "/run/postgresql"
    processes: int = 2
    full_every_seconds: int = 7 * 24 * 3600
    retention_days: int = 14
    archive_timeout_seconds: int = 60

    def text(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> Settings:
        """Read what `text` wrote. Raises ProtocolError."""
        try:
            found: dict[str, Any] = json.loads(text)
            place: dict[str, Any] = found.pop("repository")
            kind = S3Repository if "bucket" in place else VolumeRepository
            for several in ("members", "clients"):
                found[several] = tuple(found.get(several) or ())
            settings = cls(repository=kind(**place), **found)
            named = _NAME.fullmatch(settings.archive)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProtocolError(f"no settings for backups: {type(error).__name__}") from None
        if not named:
            raise ProtocolError("archive: allowed are up to 100 of a-z, 0-9 and -")
        return settings


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    """What an instance is restored from, and to which moment: one of `time`, `lsn` and `name`, or none."""

    source: Settings
    """Of the archive that is read; what it mounts is below RESTORE_DIRECTORY."""
    only_archive: bool = False
    """Whether the archive's name is not known: then the repository must hold just one."""
    time: str = ""
    """RFC 3339."""
    lsn: str = ""
    name: str = ""
    """Of a restore point."""
    whole: bool = False
    """Whether the archive is known to reach to `time`: then its end is good, if nothing was written after."""
    database: str = ""
    """The name of the database that has to be in it; "" where that does not matter."""
    aside: str = ""
    """In place: the suffix under which the former data stays on the volume; "" for a new database."""
    back: bool = False
    """Whether the former data of that suffix is to come back, and nothing to be restored."""

    @property
    def mark(self) -> str:
        """By which a member tells that its data is as this request says."""
        return f"{self.aside}.undone" if self.back else self.aside

    def text(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> RestoreRequest:
        """Read what `text` wrote. Raises ProtocolError."""
        try:
            said: dict[str, Any] = json.loads(text)
            source = said.pop("source")
            known = {name: value for name, value in said.items() if name in cls.__dataclass_fields__}
            return cls(source=Settings.read(json.dumps(source)), **known)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProtocolError(f"no request to restore: {error or type(error).__name__}") from None


@dataclass(frozen=True)
class Contents:
    """What a repository holds of one archive; times are RFC 3339, "" where there is none."""

    backups: int = 0
    """Whole ones, without bad pages."""
    damaged: int = 0
    """Backups with pages whose checksum was wrong when they were copied."""
    bytes: int = 0
    """What all backups take in the repository."""
    database_bytes: int = 0
    oldest_restorable: str = ""
    """The moment from which on any second can be restored, as far as the WAL reaches."""
    last_full: str = ""
    last_incremental: str = ""
    last_backup: str = ""
    """When the newest whole backup ended."""
    newest_wal: str = ""
    """The name of the newest archived WAL segment."""
    major: str = ""
    """Of PostgreSQL, that made the newest of it: `18`."""


@dataclass(frozen=True)
class Made:
    """A backup that was made."""

    label: str
    kind: Literal["Full", "Incremental"]
    started: str
    ended: str
    bytes: int
    """Of the database."""
    stored_bytes: int
    """Added to the repository."""
    from_standby: bool = False


@dataclass(frozen=True)
class Proof:
    """What a verification restored and looked at."""

    label: str
    backup_ended: str
    recovered_to: str
    """The end of the last transaction that was replayed."""
    last_wal: str
    """The WAL segment that replay ended in."""
    databases: int
    checksums: bool
    """Whether the data has page checksums, which were then all checked."""
    files_checked: int = 0
    """Files of the repository, of all backups and the WAL, whose checksums were compared."""


@dataclass(frozen=True)
class Result:
    """How a run ended; `reason` is "" when it succeeded."""

    command: Command
    started: str
    ended: str
    reason: str = ""
    message: str = ""
    made: Made | None = None
    proof: Proof | None = None
    contents: Contents | None = None
    expire_reason: str = ""
    """Why what is too old could not be removed, though a backup was made; "" where it was."""
    expire_message: str = ""
    version: int = field(default=VERSION)

    def text(self) -> str:
        """Write it as JSON that fits into a termination message: the messages are cut, never the rest."""
        said = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        whole = json.dumps(said, ensure_ascii=False)
        while (surplus := len(whole.encode()) - MESSAGE_BYTES) > 0:
            longest = max(("message", "expire_message"), key=lambda name: len(said.get(name, "")))
            # A character takes up to four bytes.
            said[longest] = said[longest][: -max(1, surplus // 4)]
            whole = json.dumps(said, ensure_ascii=False)
        return whole

    @classmethod
    def read(cls, text: str) -> Result | None:
        """Read a termination message; None when it is none of ours: its container was killed."""
        try:
            said = json.loads(text)
            if not isinstance(said, Mapping):
                return None
            parts = {"made": Made, "proof": Proof, "contents": Contents}
            known = cls.__dataclass_fields__
            read = {
                name: _known(parts[name], value) if name in parts else value
                for name, value in said.items()
                if name in known
            }
            return cls(**read)
        except (ValueError, TypeError, AttributeError):
            return None


def _known(part: Any, value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - one of the three dataclasses
    """Read a part; what a newer image adds is left out."""
    return part(**{name: each for name, each in value.items() if name in part.__dataclass_fields__})
