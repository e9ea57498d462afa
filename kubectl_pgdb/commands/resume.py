"""`kubectl pgdb resume`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@asking.wait
@asking.timeout
@command
def resume(session: Session, name: str, *, wait: bool, timeout: float) -> None:
    """End a pause: Patroni and keddah go on."""
    asking.request(session, name, "resume-now", wait=wait, timeout=timeout)
