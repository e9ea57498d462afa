"""Restores on a real cluster: held in their middle, and looked at until they say that they are ready."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from controller.protocol.settings import PROGRESS_FILE
from schemas.api.types import KIND
from tests.clusters import POLL
from tests.databases import Database
from tests.readiness import ready
from tests.waiting import BUSY, until

NOW = """SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
ROWS = "SELECT string_agg(number::text, ',' ORDER BY number) FROM seen"

Phase = Literal["files", "replay"]

_HELD_SECONDS = 120
_HOLD = r"""
import os, pathlib, signal, sys, time
progress, phase, end = pathlib.Path(sys.argv[1]), sys.argv[2], time.monotonic() + float(sys.argv[3])
word, mark = (b"pgbackrest", b"restore") if phase == "files" else (b"postgres", b"")

def said():
    try:
        return progress.read_text()
    except OSError:
        return ""

def processes():
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "cmdline").read_bytes()
        except OSError:
            pass

def there(found):
    if phase == "files":
        return "% of the files" in said()
    return said().startswith("replays") and any(b"startup " in line for _, line in found)

while time.monotonic() < end:
    found = [(pid, line) for pid, line in processes() if word in line[:40] and mark in line]
    if found and there(found):
        for pid, _ in found:
            os.kill(pid, signal.SIGSTOP)
        sys.exit(0)
    if phase == "files" and said().startswith("replays"):
        sys.exit("it came too late")
    time.sleep(0.005)
sys.exit(f"it was never there; {said()!r}")
"""
_LET_GO = r"""
import os, pathlib, signal
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        stopped = "\nState:\tT" in (folder / "status").read_text()
    except OSError:
        continue
    if stopped:
        os.kill(int(folder.name), signal.SIGCONT)
"""


def annotate(database: Database, **annotations: str | None) -> None:
    """Set annotations of keddah's; `-` is written `_`."""
    keys = {f"keddah.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    change = {"metadata": {"annotations": keys}}
    database.cluster.rest.merge(KIND, database.namespace, database.name, change).expect()


def until_restorable(database: Database, target: str) -> None:
    """Wait until a database can be restored to a moment (RFC 3339, in UTC)."""

    def there() -> bool:
        backups = database.status().get("backups") or {}
        return int(backups.get("count", 0)) > 0 and str(backups.get("newestRestorableTime") or "") >= target

    until(there, 240, database.story, 5 * POLL)


def backups(database: Database) -> int:
    """Give how many backups its status tells of."""
    return int((database.status().get("backups") or {}).get("count", 0))


def hold(database: Database, phase: Phase) -> None:
    """Stop the first instance's restore in the middle: of its files, or of the replay of its WAL."""

    def held() -> bool:
        words = (_HOLD, PROGRESS_FILE, phase, str(_HELD_SECONDS))
        done = database.execute(f"{database.name}-0", "python3", "-c", *words, seconds=_HELD_SECONDS + 30)
        assert "too late" not in done.err, database.story()
        # In place, the pod of before ends meanwhile.
        return done.code == 0

    until(held, _HELD_SECONDS, database.story, POLL)
    assert not ready(database.read() or {}), database.story()
    assert database.primaries() == [], database.story()


def let_go(database: Database) -> None:
    """Let a restore go on that is held."""
    done = database.execute(f"{database.name}-0", "python3", "-c", _LET_GO)
    assert done.code == 0, done.err


@contextmanager
def watched(database: Database, question: str, answer: str) -> Iterator[None]:
    """Watch a database while it is restored: the first time that it says Ready, all has to be there."""
    told: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not (stop.is_set() or ready(database.read() or {})):
            stop.wait(POLL)
        if not stop.is_set():
            # Its Service may answer a moment later.
            until(database.answers, 10, poll=POLL)
            told.append(database.sql(question))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
        database.settled(240)
        watcher.join(BUSY * 30)
    finally:
        stop.set()
        watcher.join()
    assert told == [answer], database.story()
