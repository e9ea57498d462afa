"""Watches the database object and its pods with kubectl.

Each watch runs in a thread of its own, and its events get a monotonic timestamp. A watch that breaks is
restarted; the values in between are unknown. A failure here never fails a run.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from schemas.api.types import KIND
from tests.databases import LABEL, Database
from tests.laboratory import lateness
from tests.laboratory.lateness import Step, Timeline
from tests.readiness import ready
from tests.rest import Object, path

AGAIN_SECONDS = 1.0
END_SECONDS = 10.0
Kubectl = Callable[[str], "subprocess.Popen[str]"]
"""Begins a kubectl that prints what the API server answers for a path, one event on a line."""
Note = Callable[[list[Object] | None, float], None]
"""Takes what there is by now, or None where nobody knows."""


@dataclass
class Watch:
    """One watch, begun again whenever it ends."""

    page: str
    kubectl: Kubectl
    note: Note
    _ended: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Watch until the end."""
        while not self._ended.is_set():
            try:
                self._once()
            except Exception as error:  # noqa: BLE001 - a broken observation is no fault of the database
                print(f"{self.page}: {type(error).__name__}: {error}", flush=True)
            self.note(None, time.monotonic())
            self._ended.wait(AGAIN_SECONDS)

    def end(self) -> None:
        """Let `run` come to its end."""
        self._ended.set()
        if self._process:
            self._process.terminate()

    def _once(self) -> None:
        with self.kubectl(self.page) as process:
            self._process = process
            try:
                # `end` may have been called before there was a process to terminate.
                if not self._ended.is_set():
                    self._read(process.stdout or ())
            finally:
                process.kill()

    def _read(self, lines: Iterable[str]) -> None:
        there: dict[str, Object] = {}
        known = False
        for line in lines:
            event, moment = json.loads(line), time.monotonic()
            apply(event, there)
            # The first bookmark marks the end of the initial list.
            known = known or event["type"] == "BOOKMARK"
            if known:
                self.note(list(there.values()), moment)


def apply(event: Object, there: dict[str, Object]) -> None:
    """Change what there is, by name, as an event of a watch says; raises ValueError where it ends."""
    thing = event["object"]
    match event["type"]:
        case "ADDED" | "MODIFIED":
            there[thing["metadata"]["name"]] = thing
        case "DELETED":
            there.pop(thing["metadata"]["name"], None)
        case "BOOKMARK":
            pass
        case _:
            raise ValueError(thing.get("message"))


@contextmanager
def reading(database: Database, replicas: int) -> Iterator[Timeline]:
    """Watch the object and its pods meanwhile."""
    timeline = Timeline()

    def of_object(found: list[Object] | None, moment: float) -> None:
        timeline.primary.append(Step(moment, lateness.primary(found[0]) if found else None))
        timeline.ready.append(Step(moment, ready(found[0]) if found else None))

    def of_pods(found: list[Object] | None, moment: float) -> None:
        timeline.whole.append(Step(moment, None if found is None else lateness.whole(found, replicas)))

    own = _page(KIND, database, fieldSelector=f"metadata.name={database.name}")
    pods = _page("Pod", database, labelSelector=f"{LABEL}={database.name}")
    with _watching(database, own, of_object), _watching(database, pods, of_pods):
        yield timeline


def _page(kind: str, database: Database, **which: str) -> str:
    """Return what to ask for: first what there is, then a bookmark, then what changes."""
    query = {"watch": "true", "allowWatchBookmarks": "true", "sendInitialEvents": "true", **which}
    query["resourceVersionMatch"] = "NotOlderThan"
    return f"{path(kind, database.namespace)}?{urlencode(query)}"


@contextmanager
def _watching(database: Database, page: str, note: Note) -> Iterator[None]:
    def kubectl(page: str) -> subprocess.Popen[str]:
        command, environment = ["kubectl", "get", "--raw", page], database.cluster.environment
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    watch = Watch(page, kubectl, note)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.end()
        thread.join(timeout=END_SECONDS)
