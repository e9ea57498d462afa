"""What runs the pods of Jobs and of a repository, played through the API: each says what the test chooses."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from controller.protocol.results import Contents, Made, Proof, Result
from tests.kubelet import running, settled
from tests.readiness import ready
from tests.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rest import Object, Rest

_BYTES = 23 << 20


def now(ahead: timedelta = timedelta(0)) -> str:
    """Give the time as results have it."""
    return (datetime.now(tz=UTC) + ahead).strftime("%Y-%m-%dT%H:%M:%SZ")


def good(command: str, backups: int = 1) -> Result:
    """Give the result of a run that succeeded just now."""
    at = now()
    held = Contents(
        backups=backups,
        bytes=5 << 20,
        database_bytes=_BYTES,
        oldest_restorable=at,
        last_full=at,
        last_backup=at,
    )
    if command == "verify":
        proof = Proof("20261127-020001F", at, at, "000000010000000000000003", 3, checksums=True)
        return Result("verify", at, at, proof=proof, contents=held)
    made = Made("20261127-020001F", "Full", at, at, _BYTES, 5 << 20)
    return Result("backup", at, at, made=made, contents=held)


def bad(reason: str, message: str, command: str = "backup") -> Result:
    """Give the result of a run that failed just now."""
    return Result("verify" if command == "verify" else "backup", now(), now(), reason=reason, message=message)


class JobKubelet(Rounds):
    """Runs the pods of Jobs and repositories in one namespace, in a thread, until the block ends."""

    def __init__(self, rest: Rest, namespace: str) -> None:
        super().__init__(f"Jobs of {namespace}")
        self._rest = rest
        self._namespace = namespace
        self.says: Callable[[str], Result | None] = good
        """What a pod says, given its command; None for one that is killed."""
        self.open = threading.Event()
        """Whether pods come to an end."""
        self.open.set()
        self.ran: list[str] = []
        """The Jobs whose pods have ended, in that order."""

    def look(self) -> None:
        """Go round once."""
        for pod in self._rest.list("Pod", self._namespace, labelSelector="keddah.dev/database"):
            self._look(pod)

    def _look(self, pod: Object) -> None:
        metadata = pod["metadata"]
        if "deletionTimestamp" in metadata:
            return
        component = metadata["labels"].get("app.kubernetes.io/component")
        if component == "repository" and not ready(pod):
            self._write(pod, running(pod, metadata["name"]))
        if component != "backup" or pod["status"].get("phase") in ("Succeeded", "Failed"):
            return
        if pod["status"].get("phase") != "Running":
            self._write(pod, running(pod, metadata["name"]))
        elif self.open.is_set():
            self._end(pod)

    def _end(self, pod: Object) -> None:
        labels = pod["metadata"]["labels"]
        said = self.says(labels["keddah.dev/run"])
        succeeded = said is not None and not said.reason
        (container,) = pod["status"]["containerStatuses"]
        terminated = {
            "exitCode": 0 if succeeded else 1 if said else 137,
            "reason": "Completed" if succeeded else "Error",
            "message": said.text() if said else "",
            "startedAt": now(),
            "finishedAt": now(),
            "containerID": container["containerID"],
        }
        ended = {**container, "ready": False, "started": False, "state": {"terminated": terminated}}
        self.ran.append(labels["batch.kubernetes.io/job-name"])
        self._write(pod, {"phase": "Succeeded" if succeeded else "Failed", "containerStatuses": [ended]})

    def _write(self, pod: Object, status: Object) -> None:
        name = pod["metadata"]["name"]
        settled(
            self._rest.merge(
                "Pod", self._namespace, name, {"status": status}, "status", fieldManager="kubelet"
            )
        )
