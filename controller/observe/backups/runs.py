"""How the Jobs of the backups go and how they ended, from their manifests and those of their pods.

The programs write a `Result` as their termination message, which the kubelet shows in the pod's status: to
learn it takes neither a right to exec nor one to read logs. That a run is missing, the schedule alone tells.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from controller.desired.backups.jobs import ARCHIVE, COMMAND, REQUEST
from controller.desired.child import controller_reference
from controller.kube.objects import Manifest, condition_of
from controller.protocol.member import moment
from controller.protocol.results import Result
from controller.protocol.settings import Reason
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.cron import schedule as cron
from schemas.kubernetes.moments import written

Command: TypeAlias = Literal["backup", "verify"]
State: TypeAlias = Literal["Pending", "Running", "Succeeded", "Failed"]

_INSTANTIATED: Final = "cronjob.kubernetes.io/instantiate"
"""Annotation by which kubectl marks a Job that a person makes from a CronJob."""
_PATIENCE_MINUTES: Final = 30
"""A node that an autoscaler adds, and an image that it pulls, take less."""
_OF_FULL: Final = frozenset({Reason.BUSY, Reason.OTHER, Reason.WAL_MISSING})
"""What a backup fails with, among others, where no WAL can be archived for want of room."""
_PERIODS: Final = 2
"""Of the schedule, both without a good backup: then one has been missed."""
_NO_ROOM: Final = "it has no room for the WAL that waits, without which there is no backup"


@dataclass(frozen=True, slots=True)
class Run:
    """One Job, however often its pod was tried."""

    name: str
    uid: str
    version: str
    """resourceVersion, the precondition of its deletion."""
    command: Command
    state: State
    archive: str = ""
    request: str = ""
    ended: str = ""
    """When it ended, RFC 3339; "" while it has not."""
    result: Result | None = None
    """What its last pod said; None if that was killed, or has said nothing yet."""
    by_hand: bool = False
    """Whether a person made it (`kubectl create job --from=cronjob/…`): it is theirs."""
    waits_since: str = ""
    """Since when its last pod has waited to be started (RFC 3339); "" while it does not."""
    given_up: bool = False
    """Whether that was for so long that nobody waits for it any more."""
    trouble: str = ""
    """What keeps its pod from running, or ended it, in the words of Kubernetes."""

    @property
    def finished(self) -> bool:
        """Whether the Job has ended, so that no pod of it comes any more."""
        return self.state in ("Succeeded", "Failed")

    @property
    def succeeded(self) -> bool:
        """Whether its last pod said so; the Job's own end may be on its way."""
        return self.result is not None and not self.result.reason

    @property
    def reason(self) -> str:
        """Why it did not succeed, a reason of the protocol; "" for one that did, or goes on."""
        if self.result is not None and self.result.reason:
            return self.result.reason
        if self.given_up:
            return Reason.NO_ROOM
        return Reason.INTERRUPTED if self.state == "Failed" else ""

    @property
    def message(self) -> str:
        """Why, for people."""
        if self.result is not None and self.result.message:
            return self.result.message
        if self.given_up:
            return f"its pod did not start within {_PATIENCE_MINUTES} minutes: {self.trouble}"
        return self.trouble or "its pod ended without saying why"


def runs(jobs: Mapping[str, Manifest], pods: Iterable[Manifest]) -> tuple[Run, ...]:
    """Return the runs of a database, the oldest first; a Job of somebody else is none."""
    by_job: dict[str, list[Manifest]] = {}
    for pod in pods:
        if owner := controller_reference(pod):
            by_job.setdefault(owner["uid"], []).append(pod)
    found = sorted(jobs.values(), key=_age)
    return tuple(
        run(job, by_job.get(job["metadata"]["uid"], ())) for job in found if _command(job) is not None
    )


def run(job: Manifest, pods: Iterable[Manifest]) -> Run:
    """Read one Job, with its pods in any order."""
    metadata, status = job["metadata"], job.get("status") or {}
    annotations = metadata.get("annotations") or {}
    tried = sorted(pods, key=_age)
    result, trouble = _last(tried)
    state, ended, why = _state(status, tried)
    return Run(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata.get("resourceVersion", ""),
        command=_command(job) or "backup",
        state=state,
        archive=annotations.get(ARCHIVE, ""),
        request=annotations.get(REQUEST, ""),
        ended=(result.ended if result and ended else "") or ended,
        result=result,
        by_hand=annotations.get(_INSTANTIATED) == "manual",
        trouble=trouble or why or ("" if tried or ended else _no_pod(metadata)),
        waits_since=tried[-1]["metadata"]["creationTimestamp"] if tried and _waits(tried[-1]) else "",
    )


def _no_pod(metadata: Manifest) -> str:
    """Say what there is to look at: what refuses a Job's pods, a quota say, is told by its events alone."""
    name, namespace = metadata["name"], metadata["namespace"]
    return f"Job {name} has no pod yet: kubectl describe job {name} -n {namespace} tells if one is refused"


def given_up(found: Run, now: datetime | None) -> Run:
    """Return a verification whose pod finds no room as one that has ended: another comes by its schedule.

    Kubernetes itself waits for as long as the Job may last. A backup that waits is as good as a later one.
    """
    ended = patience_ends(found)
    if ended is None or now is None or now < ended:
        return found
    return replace(found, state="Failed", ended=written(ended), given_up=True)


def of_full_repository(found: Run) -> Run:
    """Return a run that ended while the repository was known to be full, with that as its reason.

    A backup needs the WAL since its beginning in the archive: that this did not come in time says no more.
    """
    waited = found.reason == Reason.BUSY and not found.request  # Another run made a backup, or told.
    if found.command != "backup" or found.result is None or found.reason not in _OF_FULL or waited:
        return found
    said = replace(found.result, reason=Reason.REPOSITORY_FULL, message=_NO_ROOM)
    return replace(found, result=said)


def patience_ends(found: Run) -> datetime | None:
    """Return when a verification is given up that waits; None for any other run."""
    since = moment(found.waits_since)
    waits = found.command == "verify" and not found.finished
    return since + timedelta(minutes=_PATIENCE_MINUTES) if waits and since is not None else None


def overdue_from(db: PostgreSQLDatabase, last: str) -> datetime | None:
    """Return the moment from which the next backup is overdue, `last` being when the newest ended (RFC 3339).

    None when that is not known, or when the schedule has no such moment.
    """
    when = moment(last)
    text = db.spec.backup_schedule
    if when is None or not isinstance(text, str) or not text:
        return None
    try:
        schedule = cron.parse(text)
        when = when.astimezone(zoneinfo.ZoneInfo(db.spec.backup.time_zone))
    except (cron.CronError, zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None  # Refused by admission, so this is none that a CronJob has.
    for _ in range(_PERIODS):
        following = schedule.next(when)
        if following is None:
            return None
        when = following
    return when.astimezone(UTC)


def _waits(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase", "Pending") == "Pending" and (
        "deletionTimestamp" not in pod["metadata"]
    )


def _command(job: Manifest) -> Command | None:
    match (job["metadata"].get("labels") or {}).get(COMMAND):
        case "backup":
            return "backup"
        case "verify":
            return "verify"
        case _:
            return None


def _age(manifest: Manifest) -> tuple[str, str]:
    # The API server writes all of them in the same form.
    return manifest["metadata"].get("creationTimestamp", ""), manifest["metadata"]["name"]


def _state(status: Manifest, pods: list[Manifest]) -> tuple[State, str, str]:
    """Return the state of a Job, when it ended, and why it failed, in the Job controller's words."""
    for condition in status.get("conditions") or []:
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            if any(map(_goes_on, pods)):
                break  # The watch of Jobs was faster than that of pods: the result is on its way.
            ended = status.get("completionTime") or condition.get("lastTransitionTime", "")
            if condition["type"] == "Complete":
                return "Succeeded", ended, ""
            return "Failed", ended, condition.get("message", "")
    return ("Running" if any(map(_runs, pods)) else "Pending"), "", ""


def _containers(pod: Manifest) -> Iterator[Manifest]:
    yield from (pod.get("status") or {}).get("containerStatuses") or []


def _runs(pod: Manifest) -> bool:
    return any((container.get("state") or {}).get("running") for container in _containers(pod))


def _goes_on(pod: Manifest) -> bool:
    """Whether a pod has not ended, as far as the watch has told."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]


def _last(pods: list[Manifest]) -> tuple[Result | None, str]:
    """Return the last result of a Job's pods, the newest last; and what befell the last pod."""
    result: Result | None = None
    trouble = ""
    for pod in pods:
        said, trouble = _of(pod)
        if said is not None:
            result = said
        elif trouble:
            result = None
    return result, trouble


def _of(pod: Manifest) -> tuple[Result | None, str]:
    """Return the result of a pod, or what keeps it from running, or how it ended without any."""
    for container in _containers(pod):
        state = container.get("state") or {}
        if ended := state.get("terminated"):
            said = Result.read(ended.get("message") or "")
            killed = f"{ended.get('reason', 'Terminated')}, exit code {ended.get('exitCode')}"
            return said, "" if said else f"its container ended: {killed}"
        waiting = state.get("waiting") or {}
        if waiting.get("message"):
            return None, f"{waiting.get('reason', 'Waiting')}: {waiting['message']}"
    return None, _pod_trouble(pod.get("status") or {})


def _pod_trouble(status: Manifest) -> str:
    """Return why the kubelet or the scheduler does not run a pod; "" if nothing is known."""
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"{status['reason']}: {status.get('message', '')}".rstrip(": ")
    scheduled = condition_of(status, "PodScheduled")
    if scheduled.get("status") != "False":
        return ""
    return f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}"
