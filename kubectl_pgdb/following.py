"""Follows logs across restarts: kubectl is told anew where to look whenever a container starts or ends.

`kubectl logs --follow` stays with the containers that there were when it began: one that is started again
has a log of its own, which it never opens. So a second kubectl watches the pods, and ends the first one when
another container runs.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Final, Self

from kubectl_pgdb.kubectl import Kubectl, KubectlError, Stream
from kubectl_pgdb.lines import Line, read
from kubectl_pgdb.session import Session

_AGAIN_SECONDS: Final = 1.0
"""Until an instance that restarts may have a container again."""
_LATE: Final = timedelta(seconds=10)
"""How much later than another one's a line may arrive that the kubelet had before it."""
_STARTED: Final = r'{.metadata.name}{" "}{.status.containerStatuses[*].state.running.startedAt}{"\n"}'
"""Without a range: of the second object that a watch tells of, kubectl 1.37 says "not in range"."""


def followed(session: Session, arguments: Sequence[str], pods: Sequence[str]) -> Generator[Line, None, None]:
    """Give lines as they come, each once, for ever; `pods` says whose, as arguments of kubectl."""
    if session.shows:
        yield from map(read, session.kubectl.stream(*arguments, "--follow"))
        return
    known: dict[str, str] = {}
    since: Sequence[str] = [each for each in arguments if each.startswith(("--since", "--tail"))]
    keep, told = [each for each in arguments if each not in since], ""
    with _Watch(session.kubectl, pods) as watch:
        while True:
            try:
                with session.kubectl.streaming(*keep, *since, "--follow") as lines:
                    watch.ends(lines)
                    for line in map(read, lines):
                        if line.stamp > known.get(line.source, ""):
                            known[line.source] = line.stamp
                            yield line
            except KubectlError as error:
                if error.message != told:
                    session.say(told := error.message)
            time.sleep(_AGAIN_SECONDS)
            newest = _moment(max(known.values(), default="")) or session.now()
            since = [f"--since-time={newest - _LATE:%Y-%m-%dT%H:%M:%SZ}"]


class _Watch:
    """Ends a stream of lines when a container has started or ended since it began."""

    def __init__(self, kubectl: Kubectl, pods: Sequence[str]) -> None:
        self._kubectl, self._pods = kubectl, pods
        self._lock, self._over = Lock(), False
        self._lines: Stream | None = None
        self._told: Stream | None = None
        listed = kubectl.text("get", "pods", *pods, _jsonpath(f"{{range .items[*]}}{_STARTED}{{end}}"))
        self._seen = dict(map(_containers, listed.splitlines()))

    def __enter__(self) -> Self:
        Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
            if self._told is not None:
                self._told.end()

    def ends(self, lines: Stream) -> None:
        """Note the stream that is to be ended next."""
        with self._lock:
            self._lines = lines

    def _run(self) -> None:
        """Look until it is over: the API server ends a watch from time to time."""
        while not self._over:
            with suppress(KubectlError):
                self._look()
            time.sleep(_AGAIN_SECONDS)

    def _look(self) -> None:
        with ExitStack() as stack:
            with self._lock:
                if self._over:
                    return
                arguments = ("get", "pods", *self._pods, "--watch", _jsonpath(_STARTED))
                self._told = stack.enter_context(self._kubectl.streaming(*arguments))
            for pod, started in map(_containers, self._told):
                if self._seen.get(pod) != started:
                    self._seen[pod] = started
                    self._end()

    def _end(self) -> None:
        with self._lock:
            if self._lines is not None:
                self._lines.end()


def _jsonpath(template: str) -> str:
    return f"--output=jsonpath={template}"


def _containers(line: str) -> tuple[str, str]:
    """Return a pod, and when each of its containers started."""
    pod, _, started = line.partition(" ")
    return pod, started


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:
        return None
