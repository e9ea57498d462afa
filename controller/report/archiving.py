"""Archiving in the status: whether all WAL reaches the repository, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from controller.desired import names, repository
from controller.desired.labels import REPOSITORY
from controller.desired.repository.pod import has_sidecar, users_secrets
from controller.kube.objects import condition_of
from controller.observe.repository import CONDITION
from controller.observe.state import ObservedState
from controller.protocol.member import Archiving
from controller.protocol.settings import Reason
from controller.report.finding import Finding, StatusComponent, Subject
from schemas.api.types import PostgreSQLDatabase

KIND: Final = CONDITION
NOT_ARCHIVED: Final = "NotArchived"
"""Reason where nothing tells why WAL waits."""

WORDS: Final[Mapping[str, str]] = {
    Reason.REPOSITORY_UNREACHABLE: "the repository does not answer",
    Reason.CREDENTIALS_REFUSED: "the repository refuses the credentials",
    Reason.BUCKET_MISSING: "there is no such bucket",
    Reason.CERTIFICATE_NOT_TRUSTED: "the certificate of the repository is not trusted",
    Reason.WRONG_ENCRYPTION_KEY: "the encryption key is not the one that the repository was made with",
    Reason.REPOSITORY_FULL: "the repository is full",
    Reason.REPOSITORY_DAMAGED: "files of the repository are damaged",
    Reason.ANOTHER_DATABASE: "the archive holds the WAL of another database",
    Reason.CLOCK_SKEW: "the clocks of the node and of the repository differ by too much",
    Reason.INVALID_SETTINGS: "the instance has no settings that it could archive by",
    Reason.NO_ROOM: "the instance's volume is full",
}
"""What a reason means for archiving."""


def _findings(subject: Subject) -> list[Finding]:
    return [_archiving(subject)]


def _archiving(subject: Subject) -> Finding:
    db, observed = subject.db, subject.observed
    if not repository.enabled(db):
        return Finding(KIND, None, "NoSchedule", "spec.backupSchedule is empty: no WAL is archived")
    if db.spec.hibernated:
        return Finding(KIND, None, "Hibernated", "No instance runs")
    primary = observed.known_primary
    told = primary.archiving if primary else None
    if observed.lacking and (told is None or told.since or not told.restorable):
        return Finding(KIND, False, Reason.INVALID_SETTINGS, lacks(observed))
    if primary is None:
        return _last(subject) or Finding(KIND, None, "NoPrimary", "No primary is known")
    return _of_primary(subject, primary.name, told)


def _of_primary(subject: Subject, primary: str, said: Archiving | None) -> Finding:
    """Find out what the primary, which says this, makes of it."""
    db, observed = subject.db, subject.observed
    template = ((observed.statefulset or {}).get("spec") or {}).get("template")
    if template and not has_sidecar(template):
        message = "the pods are of a release that made no backups; they are replaced as the policy allows"
        return Finding(KIND, False, "PodsOutdated", message)
    if said is None:
        return _last(subject) or Finding(KIND, None, "NotReported", f"{primary} has not told yet")
    if said.since:
        reason = said.reason or _known(subject)
        return Finding(KIND, False, reason or NOT_ARCHIVED, _why(db, observed, said, reason))
    if not said.restorable:
        # A new primary, or a new database: that nothing waits for long yet proves nothing.
        nothing = Finding(KIND, None, "NotReported", "No WAL of this primary has been archived yet")
        return _last(subject) or nothing
    return Finding(KIND, True, "Archiving", "All WAL is archived within about a minute")


def lacks(observed: ObservedState) -> str:
    """Say which Secrets are missing, or lack an entry, and what comes of it."""
    return f"{'; '.join(observed.lacking or ())}; until then no WAL is archived, and no backup made"


def _last(subject: Subject) -> Finding | None:
    """Return what was reported last: a change of the primary is no news of the archive."""
    last = subject.db.status.condition(KIND)
    if last is None or last.status == "Unknown":
        return None
    if last.reason == Reason.INVALID_SETTINGS and subject.observed.lacking == ():
        return None  # The Secrets are there now.
    return Finding(KIND, last.status == "True", last.reason, last.message)


def _known(subject: Subject) -> str:
    """Return why WAL waits where the primary does not tell: as a backup found, or as was told last."""
    if subject.backups.full:
        return Reason.REPOSITORY_FULL
    last = _last(subject)
    return last.reason if last and last.holds is False and last.reason in WORDS else ""


def _why(db: PostgreSQLDatabase, observed: ObservedState, said: Archiving, reason: str) -> str:
    words = WORDS.get(reason, "the reason is in the log of the primary's containers")
    message = f"WAL waits since {said.since}: {words}{_hint(db, observed, reason)}"
    return f"{message}; it stays on the primary's volume, {said.waiting} MiB at most so far, and is not lost"


def _hint(db: PostgreSQLDatabase, observed: ObservedState, reason: str) -> str:
    """Return what there is to look at."""
    match reason:
        case Reason.INVALID_SETTINGS:
            return _secrets(db)
        case Reason.REPOSITORY_FULL if repository.volume(db) is not None:
            return ": increase spec.backup.repository.volume.size"
        case Reason.REPOSITORY_UNREACHABLE if repository.volume(db) is not None:
            return _server(db, observed)
        case _:
            return ""


def _secrets(db: PostgreSQLDatabase) -> str:
    """Name the user's Secrets that an instance needs: of a volume it needs none, for the server encrypts."""
    if repository.bucket(db) is None:
        return ""
    wanted = ", ".join(f"{each.name} ({', '.join(each.entries)})" for each in users_secrets(db))
    return f"; are these Secrets there, with these entries: {wanted}?" if wanted else ""


def _server(db: PostgreSQLDatabase, observed: ObservedState) -> str:
    """Say what the pod of the repository's server is doing."""
    name = names.repository_pod(db.metadata.name)
    pod = observed.of(REPOSITORY, "Pod").get(name)
    if pod is None:
        return f"; its pod {name} does not exist"
    status = pod.get("status") or {}
    scheduled = condition_of(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"; its pod {name} is not scheduled: {scheduled.get('message', '')}"
    ready = condition_of(status, "Ready").get("status") == "True"
    return "" if ready else f"; its pod {name} is not ready"


ARCHIVING: Final = StatusComponent(_findings)
