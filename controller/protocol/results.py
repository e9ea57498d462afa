"""What a Job of backups tells the controller: a `Result`, in its termination message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from controller.protocol import VERSION, known

RESULT_FILE: Final = "/dev/termination-log"
MESSAGE_BYTES: Final = 4096
"""What the kubelet keeps of a termination message (Kubernetes, Determine the Reason for Pod Failure)."""

Command = Literal["backup", "expire", "restore", "verify"]


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
            read = {
                name: parts[name](**known(parts[name], value)) if name in parts else value
                for name, value in known(cls, said).items()
            }
            return cls(**read)
        except (ValueError, TypeError, AttributeError):
            return None
