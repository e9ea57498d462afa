"""`kubectl pgdb wake`."""

from __future__ import annotations

import json

import click

from kubectl_pgdb import asking
from kubectl_pgdb.conditions import reached
from kubectl_pgdb.session import NAME, PLURAL, Session, command


@click.command
@NAME()
@asking.wait
@asking.timeout
@command
def wake(session: Session, name: str, *, wait: bool, timeout: float) -> None:
    """Start all pods of a hibernated database."""
    patch = json.dumps({"spec": {"hibernated": False}})
    session.kubectl.change("patch", PLURAL, name, "--type=merge", f"--patch={patch}")
    reached(session, name, "wake", "Ready", timeout if wait else None)
