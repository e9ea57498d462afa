"""`kubectl pgdb top`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import click
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from kubectl_pgdb.activity import PINNED, STATEMENT, Activity, read
from kubectl_pgdb.kubectl import KubectlError
from kubectl_pgdb.objects import CONTAINER, instance_name
from kubectl_pgdb.screens.top import LINES
from kubectl_pgdb.screens.top import top as screen
from kubectl_pgdb.session import NAME, Session, command

_AROUND: Final = 10
"""Lines of the screen that are not of sessions."""


@click.command
@NAME()
@click.option("-i", "--instance", help="Which instance; the primary by default.")
@click.option("--every", type=float, default=2, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once, as when piped.")
@command
def top(session: Session, name: str, *, instance: str | None, every: float, once: bool) -> None:
    """Show live who is connected, what runs, and who waits for whom."""
    pod = instance_name(name, instance) if instance else f"service/{name}"
    where = instance_name(name, instance) if instance else name
    if once or session.as_json or session.shows or not sys.stdout.isatty():
        try:
            found = _look(session, pod, None)
        except KubectlError as error:
            raise click.ClickException(session.unanswered(name, error)) from error
        if found is not None:
            session.answer(found, screen(found, where))
        return
    with suppress(KeyboardInterrupt), Live(console=session.console, screen=True, auto_refresh=False) as live:
        for each in screens(session, name, pod, where):
            live.update(each, refresh=True)
            time.sleep(every)


def screens(session: Session, name: str, pod: str, where: str) -> Iterator[RenderableType]:
    """Give a screen for each look, for ever: one that finds no server shows the last, and says why."""
    most = max(3, (session.console.height - _AROUND) // LINES)
    found: Activity | None = None
    while True:
        trouble = ""
        try:
            found = _look(session, pod, found)
        except KubectlError as error:
            trouble = session.unanswered(name, error)
        yield screen(found, where, most, trouble) if found else Text(trouble, style="bad")


def _look(session: Session, pod: str, before: Activity | None) -> Activity | None:
    """Look once; None if only the command is shown."""
    where = ("exec", pod, f"--container={CONTAINER}", "--", "env", PINNED)
    text = session.kubectl.change(*where, "psql", "--no-psqlrc", "-Atqc", STATEMENT)
    return read(text, before) if text else None
