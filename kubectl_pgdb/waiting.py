"""Waits for what somebody asked for, and shows meanwhile how it goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kubectl_pgdb.kubectl import KubectlError
from kubectl_pgdb.session import Session

_LOOK_SECONDS: Final = 0.5
_SILENT_SECONDS: Final = 10.0
_REFUSED: Final = 1


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found: how it goes, and whether it is over."""

    words: str
    over: bool = False
    good: bool = True
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else machines are told."""


def until(session: Session, what: str, look: Callable[[], Look], seconds: float | None) -> None:
    """Look until it is over, tell on standard error how it goes; raises ClickException if it goes wrong.

    Without seconds nobody waits, and only that it was asked for is told. A moment in which kubectl has no
    answer is passed over: the API server may be what restarts.
    """
    if session.shows:
        return
    if seconds is None:
        _told(session, what, Look("asked for; `kubectl pgdb status` shows how it goes", good=False))
        return
    deadline = time.monotonic() + seconds
    with _telling(session, what) as tell:
        while not (seen := _looked(look)).over:
            tell(seen.words)
            if time.monotonic() >= deadline:
                raise click.ClickException(f"{what}: not over after {seconds:.0f} s: {seen.words}")
            time.sleep(_LOOK_SECONDS)
    if session.as_json or seen.good:
        _told(session, what, seen)
    if not seen.good:
        raise (
            click.exceptions.Exit(_REFUSED)
            if session.as_json
            else click.ClickException(f"{what}: {seen.words}")
        )


@contextmanager
def _telling(session: Session, what: str) -> Iterator[Callable[[str], None]]:
    """Give what tells how it goes: by a bar, or in a log by lines; machines are told the end alone."""
    if not sys.stderr.isatty():
        yield (lambda _words: None) if session.as_json else _Lines(session, what).tell
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda words: progress.update(task, description=f"{what}: {words}"[: terminal.width - 40])


class _Lines:
    """A line for each change, and one every ten seconds if there is none."""

    def __init__(self, session: Session, what: str) -> None:
        self._session, self._what = session, what
        self._words, self._due = "", 0.0

    def tell(self, words: str) -> None:
        now = time.monotonic()
        if words != self._words or now >= self._due:
            self._words, self._due = words, now + _SILENT_SECONDS
            self._session.say(f"{self._what}: {words}")


def _told(session: Session, what: str, seen: Look) -> None:
    if session.as_json:
        session.answer({"action": what, "done": seen.good, "message": seen.words, **seen.more}, "")
    else:
        session.say(f"{what}: {seen.words}")


def _looked(look: Callable[[], Look]) -> Look:
    try:
        return look()
    except KubectlError as error:
        return Look(str(error.message))
