"""`kubectl pgdb top`."""

from __future__ import annotations

import sys
import time

import click
from rich.live import Live

from kubectl_pgdb.activity import PINNED, STATEMENT, Activity, read
from kubectl_pgdb.objects import CONTAINER, instance_name
from kubectl_pgdb.screens.top import top as screen
from kubectl_pgdb.session import NAME, Session, command


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
    found = _look(session, pod, None)
    if found is None:
        return
    if once or session.as_json or not sys.stdout.isatty():
        session.answer(found, screen(found, where))
        return
    most = max(5, session.console.height - 6)
    with Live(screen(found, where, most), console=session.console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every)
            found = _look(session, pod, found)
            if found is not None:
                live.update(screen(found, where, most), refresh=True)


def _look(session: Session, pod: str, before: Activity | None) -> Activity | None:
    """Look once; None if only the command is shown."""
    where = ("exec", pod, f"--container={CONTAINER}", "--", "env", PINNED)
    text = session.kubectl.change(*where, "psql", "--no-psqlrc", "-Atqc", STATEMENT)
    return read(text, before) if text else None
