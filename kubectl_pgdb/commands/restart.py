"""`kubectl pgdb restart`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@click.option("-i", "--instance", help="Only this one; by default all, standbys first.")
@asking.wait
@asking.timeout
@command
def restart(session: Session, name: str, *, instance: str | None, wait: bool, timeout: float) -> None:
    """Restart instances, one at a time; the primary hands over before its turn."""
    asking.request(session, name, "restart-now", instance=instance, wait=wait, timeout=timeout)
