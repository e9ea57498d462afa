"""`kubectl pgdb backup`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@click.option("--id", "given", help="Its name: the same one again makes no second; by default a new one.")
@asking.wait
@click.option("--timeout", type=float, default=7200, show_default=True, help="Seconds to wait at most.")
@command
def backup(session: Session, name: str, *, given: str | None, wait: bool, timeout: float) -> None:
    """Make a backup now."""
    value = given or asking.identity(session.now())
    asking.annotate(session, name, "backup-now", value)
    asking.job_ended(session, name, "backup-now", value, timeout if wait else None)
