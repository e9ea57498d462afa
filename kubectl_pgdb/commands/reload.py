"""`kubectl pgdb reload`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@asking.wait
@asking.timeout
@command
def reload(session: Session, name: str, *, wait: bool, timeout: float) -> None:
    """Have all instances read their configuration again; nobody is disconnected."""
    asking.request(session, name, "reload-now", wait=wait, timeout=timeout)
