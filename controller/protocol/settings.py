"""What the controller tells pods about backups: `Settings` and a `RestoreRequest`, which they mount.

Nothing here knows the tool that does the work.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from controller.protocol import SETTINGS, known

SETTINGS_FILE: Final = SETTINGS
RUN_DIRECTORY: Final = "/run/keddah-backup"
"""A volume in memory of the pod's own: the tool's configuration is written there, with secrets in it."""
RESTORE_DIRECTORY: Final = "/etc/keddah/restore"
"""What an instance that is to be restored has mounted: REQUEST, and the source's certificates and keys."""
REQUEST: Final = "request.json"
PROGRESS_FILE: Final = f"{RUN_DIRECTORY}/restoring"
"""How far a restore is, in words, while it goes on."""
PORT: Final = 8432

ARCHIVE_COMMAND: Final = "/usr/lib/keddah/pgbackrest/archive %p"
"""PostgreSQL's archive_command. (The tool refuses to back up a server whose command lacks its name.)"""
RESTORE_COMMAND: Final = "/usr/lib/keddah/pgbackrest/fetch %f %p"
PROBE_COMMAND: Final = "/usr/lib/keddah/pgbackrest/answers"
"""Whether the server of a volume repository answers."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
"""An archive's name is a folder of the repository, and is read by a shell."""

_OF_LOGS: Final = ("database", "logging")
"""What of the settings says nothing of backups."""

Addressing = Literal["Path", "VirtualHost"]


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
    processes: int = 1
    """That copy side by side in a backup, each of which may keep a processor of the primary's node busy."""
    full_every_seconds: int = 7 * 24 * 3600
    retention_days: int = 14
    archive_timeout_seconds: int = 60
    database: str = ""
    """`namespace/name`, for the lines of the log."""
    logging: str = ""
    """How these are written: JSON or Text; "" for what the image does by itself."""

    def text(self) -> str:
        """Write it as JSON."""
        logs = {name: said for name in _OF_LOGS if (said := getattr(self, name))}
        return json.dumps(self.of_backups() | logs, indent=1, sort_keys=True)

    def of_backups(self) -> dict[str, Any]:
        """Return what it says of backups: a request to restore that asks for the same is the same text."""
        return {name: said for name, said in asdict(self).items() if name not in _OF_LOGS}

    @classmethod
    def read(cls, text: str) -> Settings:
        """Read what `text` wrote. Raises ProtocolError."""
        try:
            found: dict[str, Any] = json.loads(text)
            place: dict[str, Any] = found.pop("repository")
            kind = S3Repository if "bucket" in place else VolumeRepository
            for several in ("members", "clients"):
                found[several] = tuple(found.get(several) or ())
            settings = cls(repository=kind(**known(kind, place)), **known(cls, found))
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
        return json.dumps({**asdict(self), "source": self.source.of_backups()}, indent=1, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> RestoreRequest:
        """Read what `text` wrote. Raises ProtocolError."""
        try:
            said: dict[str, Any] = json.loads(text)
            source = said.pop("source")
            return cls(source=Settings.read(json.dumps(source)), **known(cls, said))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProtocolError(f"no request to restore: {error or type(error).__name__}") from None
