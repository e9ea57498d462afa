"""`kubectl pgdb verify-backup`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command("verify-backup")
@NAME()
@click.option("--id", "given", help="Its name: the same one again makes no second; by default a new one.")
@asking.wait
@click.option("--timeout", type=float, default=7200, show_default=True, help="Seconds to wait at most.")
@command
def verify_backup(session: Session, name: str, *, given: str | None, wait: bool, timeout: float) -> None:
    """Restore the newest backup to a scratch volume, and look at every page and index of it."""
    value = given or asking.identity(session.now())
    asking.annotate(session, name, "verify-now", value)
    asking.job_ended(session, name, "verify-now", value, timeout if wait else None)
