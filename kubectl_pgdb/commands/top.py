"""`kubectl pgdb top`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
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

_SOON: Final = "--pod-running-timeout=2s"
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
    looked_at = Place(name, instance_name(name, instance) if instance else "", session.kubectl.flags)
    if once or session.as_json or session.shows or not sys.stdout.isatty():
        try:
            found = _look(session, looked_at.pod, None)
        except KubectlError as error:
            raise click.ClickException(session.unanswered(name, error)) from error
        if found is not None:
            session.answer(found, screen(found, looked_at.title, looked_at.psql))
        return
    with suppress(KeyboardInterrupt), Live(console=session.console, screen=True, auto_refresh=False) as live:
        for each in screens(session, looked_at):
            live.update(each, refresh=True)
            time.sleep(every)


@dataclass(frozen=True, slots=True)
class Place:
    """Which server is looked at."""

    database: str
    instance: str = ""
    """The primary, whichever that is, where there is none."""
    flags: tuple[str, ...] = ()
    """Of kubectl."""

    @property
    def pod(self) -> str:
        """How kubectl reaches it."""
        return self.instance or f"service/{self.database}"

    @property
    def title(self) -> str:
        """What it is called."""
        return self.instance or self.database

    @property
    def psql(self) -> str:
        """The command of a session in it."""
        which = (f"-i {self.instance}",) if self.instance else ()
        return " ".join(("kubectl pgdb psql", *self.flags, self.database, *which))


def screens(session: Session, looked_at: Place) -> Iterator[RenderableType]:
    """Give a screen for each look, for ever: one that finds no server shows the last, and says why."""
    most = max(3, (session.console.height - _AROUND) // LINES)
    found: Activity | None = None
    while True:
        trouble = ""
        try:
            found = _look(session, looked_at.pod, found)
        except KubectlError as error:
            trouble = session.unanswered(looked_at.database, error)
        shown = screen(found, looked_at.title, looked_at.psql, most, trouble) if found else None
        yield shown or Text(trouble, style="bad")


def _look(session: Session, pod: str, before: Activity | None) -> Activity | None:
    """Look once; None if only the command is shown."""
    # kubectl waits a minute for a pod behind the Service; without a primary there is none.
    where = ("exec", pod, f"--container={CONTAINER}", _SOON, "--", "env", PINNED)
    text = session.kubectl.change(*where, "psql", "--no-psqlrc", "-Atqc", STATEMENT)
    return read(text, before) if text else None
