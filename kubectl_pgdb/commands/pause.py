"""`kubectl pgdb pause`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@asking.wait
@asking.timeout
@command
def pause(session: Session, name: str, *, wait: bool, timeout: float) -> None:
    """Pause Patroni, to work by hand: nobody fails over, and nothing is restarted."""
    asking.request(session, name, "pause-now", wait=wait, timeout=timeout)
