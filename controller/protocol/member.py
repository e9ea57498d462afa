"""What a member of a database reports, and the rules that it and the controller share.

A member reports in the tags of its Patroni, which are in its pod's annotation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

CONTAINER = "postgres"
"""The container that Patroni and PostgreSQL run in."""

DAMAGE: Mapping[str, str] = {
    "control-file": "its control file (global/pg_control) is missing or damaged",
    "version-file": "its PG_VERSION is missing",
    "diverged": "it has WAL that the primary has not, and pg_rewind failed",
}
"""What a member finds out about its data that makes it useless, and the words for it.

A server that does not start is no damage: it may lack memory, huge pages, room or a permission.
"""
COPIES: Mapping[str, str] = {
    "source-damaged": "the primary could not read all of its own data, see its log",
    "no-space": "its volume became full",
    "failed": "pg_basebackup failed, see its log",
    "no-room": "its volume has no room for the former data beside the copy, so that was deleted after the"
    " primary had delivered everything once",
}
"""What there is to say of the last copy of the primary: why it failed, or that it is all that is left."""

LOST = -1
"""Said in place of the WAL that a slot holds: it is invalid, and what its consumer had not read is gone."""

ROOM_TOLERANCE = 1.25
"""By what factor the free space of a volume may be larger than it is said to be."""

_SECOND = timedelta(seconds=1)  # the kubelet cuts the fractions of its times off


@dataclass(frozen=True)
class Archiving:
    """What a primary says of the WAL that is to be archived; all of it coarse, for it is written often."""

    since: str = ""
    """When the first of the WAL was complete that waits for too long (RFC 3339); "" while all is well."""
    reason: str = ""
    """Why it waits: a `settings.Reason`, or "" where nothing tells."""
    waiting: int = 0
    """About how many MiB wait then, at most: a power of two."""
    restorable: str = ""
    """The moment up to which all WAL is archived (RFC 3339), a minute late at most; "" before any is."""

    def tag(self) -> dict[str, Any]:
        """Write it; what is usual is left out."""
        said = {"since": self.since, "reason": self.reason, "waiting": self.waiting}
        return {name: value for name, value in said.items() if value} | (
            {"restorable": self.restorable} if self.restorable else {}
        )

    @classmethod
    def read(cls, said: object) -> Archiving | None:
        """Read it; None where a member does not say anything."""
        if not isinstance(said, Mapping):
            return None
        waiting = said.get("waiting")
        return cls(
            _text(said.get("since")),
            _text(said.get("reason")),
            waiting if isinstance(waiting, int) else 0,
            _text(said.get("restorable")),
        )


@dataclass(frozen=True)
class Report:
    """What a member says of itself; the defaults stand for what it does not say."""

    version: int = 0
    """Of this protocol; 0 for an image that does not tell."""
    configuration: str = ""
    """Which configuration it has applied (`configuration_version`)."""
    disk_full: bool = False
    """Whether its volume is full."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """MiB of WAL that each slot of an absent consumer holds, or LOST."""
    damage: str = ""
    """Why its data is useless, one of DAMAGE; "" while it has found nothing."""
    copy: str = ""
    """What there is to say of the last copy, one of COPIES; "" when that was made, or none was."""
    crashed: str = ""
    """When its server last recovered from the crash of one of its processes (RFC 3339)."""
    killed: str = ""
    """When the kernel last killed one of its processes for lack of memory (RFC 3339)."""
    restoring: str = ""
    """How far it has restored its first data, in words; "" while it restores nothing."""
    replaced: str = ""
    """The mark of the restore in place by which its data was replaced (`settings.RestoreRequest`)."""
    archiving: Archiving | None = None
    """How archiving goes; None of a standby, and without backups."""
    access: str = ""
    """Digest of databases and roles in its server, if it is a primary; another one tells of a change."""
    queries: str = ""
    """What is wrong with queries of spec.monitoring, in words; "" while nothing is."""
    room: int = 0
    """How many MiB its volume has free, at least, and at most by ROOM_TOLERANCE more; 0 if it is not said."""

    def tags(self) -> dict[str, Any]:
        """Write it as tags of a Patroni member; what is usual is left out."""
        said: dict[str, Any] = {"keddah": self.version}
        if self.configuration:
            said["configuration"] = self.configuration
        if self.disk_full:
            said["disk_full"] = True
        if self.room:
            said["room"] = self.room
        if self.slots:
            said["slots"] = dict(self.slots)
        if self.damage:
            said["damage"] = self.damage
        if self.copy:
            said["copy"] = self.copy
        if self.archiving is not None:
            said["archiving"] = self.archiving.tag()
        names = ("crashed", "killed", "restoring", "replaced", "access", "queries")
        texts = {name: getattr(self, name) for name in names}
        return said | {name: text for name, text in texts.items() if text}

    @classmethod
    def read(cls, tags: object) -> Report:
        """Read a member's tags; whatever is missing, damaged or unknown counts as not said."""
        said: Mapping[str, Any] = tags if isinstance(tags, Mapping) else {}
        version, applied, held = said.get("keddah"), said.get("configuration"), said.get("slots")
        room = said.get("room")
        return cls(
            version if isinstance(version, int) else 0,
            applied if isinstance(applied, str) else "",
            said.get("disk_full") is True,
            {name: mib for name, mib in held.items() if isinstance(mib, int)}
            if isinstance(held, Mapping)
            else {},
            _one_of(DAMAGE, said.get("damage")),
            _one_of(COPIES, said.get("copy")),
            crashed=_text(said.get("crashed")),
            killed=_text(said.get("killed")),
            room=room if isinstance(room, int) else 0,
            restoring=_text(said.get("restoring")),
            replaced=_text(said.get("replaced")),
            access=_text(said.get("access")),
            queries=_text(said.get("queries")),
            archiving=Archiving.read(said.get("archiving")),
        )


def _text(said: object) -> str:
    return said if isinstance(said, str) else ""


def _one_of(known: Mapping[str, str], said: object) -> str:
    """Return what was said if it is known: nothing is done on what a newer image says."""
    return said if isinstance(said, str) and said in known else ""


def configuration_version(settings: Mapping[str, Any]) -> str:
    """Return a digest of a dynamic configuration of Patroni; "" for an empty one.

    Equal for what Patroni regards as equal (4.1.5, utils.py, deep_compare), as it applies no such change. A
    pause changes nothing about the server. It is of the content alone: what somebody else wrote is not taken
    for what it replaced.
    """
    content = {key: value for key, value in settings.items() if key != "pause"}
    if not content:
        return ""
    return hashlib.sha256(json.dumps(_words(content), sort_keys=True).encode()).hexdigest()[:16]


def _words(value: object) -> object:
    return {key: _words(each) for key, each in value.items()} if isinstance(value, dict) else str(value)


def container(status: Any) -> Any:  # noqa: ANN401 - a part of a manifest: whatever has `get`
    """Return the status of the container that PostgreSQL runs in; empty where there is none."""
    statuses = status.get("containerStatuses") or []
    return next((each for each in statuses if each.get("name") == CONTAINER), {})


def termination(of: Any) -> Any:  # noqa: ANN401 - a part of a manifest: whatever has `get`
    """Return how a container that does not run ended; empty while it does.

    During the kubelet's back-off, the last termination is in lastState.
    """
    state = of.get("state") or {}
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        state = of.get("lastState") or {}
    return state.get("terminated") or {}


def moment(text: object) -> datetime | None:
    """Read a time as Kubernetes or Patroni writes it; None when it is missing, damaged or without zone."""
    try:
        read = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return None
    return read if read.tzinfo else None


def last_renewed_by(started: datetime | None, renewed: datetime | None, ended: datetime | None) -> bool:
    """Whether a lock was last renewed by a container of this pod, before it ended: nobody can write then.

    A pod that was seen may be older than the lock: its container may have started again and renewed the lock
    since, which is later than its termination. And a pod that was deleted by force may run elsewhere under
    the same name, and have renewed it before this one began.
    """
    if started is None or renewed is None or ended is None:
        return False
    return started <= renewed < ended + _SECOND
