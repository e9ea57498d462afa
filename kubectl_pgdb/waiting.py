"""Waits for what somebody asked for, and shows meanwhile how it goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kubectl_pgdb.kubectl import KubectlError
from kubectl_pgdb.session import Session

_LOOK_SECONDS: Final = 0.5
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
    """Look until it is over, with a bar on standard error; raises ClickException when it went wrong.

    Without seconds nobody waits, and only that it was asked for is told. A moment in which kubectl has no
    answer is passed over: the API server may be what restarts.
    """
    if session.shows:
        return
    if seconds is None:
        _told(session, what, Look("asked for; `kubectl pgdb status` shows how it goes", good=False))
        return
    deadline, seen = time.monotonic() + seconds, Look("")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)
        while not seen.over:
            seen = _looked(look)
            progress.update(task, description=f"{what}: {seen.words}"[: terminal.width - 40])
            if not seen.over:
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
