"""`kubectl pgdb switchover`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@click.option("--to", help="Who takes over; the most advanced standby by default.")
@asking.wait
@asking.timeout
@command
def switchover(session: Session, name: str, *, to: str | None, wait: bool, timeout: float) -> None:
    """Make a standby the primary; no acknowledged commit is lost."""
    asking.request(session, name, "switchover-now", instance=to, wait=wait, timeout=timeout)
