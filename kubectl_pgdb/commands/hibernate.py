"""`kubectl pgdb hibernate`."""

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
def hibernate(session: Session, name: str, *, wait: bool, timeout: float) -> None:
    """Stop all pods and keep the data, until `wake`."""
    patch = json.dumps({"spec": {"hibernated": True}})
    session.kubectl.change("patch", PLURAL, name, "--type=merge", f"--patch={patch}")
    reached(session, name, "hibernate", "Hibernated", timeout if wait else None)
