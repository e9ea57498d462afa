"""`kubectl pgdb status`."""

from __future__ import annotations

import click

from kubectl_pgdb.objects import database
from kubectl_pgdb.screens.databases import databases
from kubectl_pgdb.screens.status import status as screen
from kubectl_pgdb.session import PLURAL, Session, command, names


@click.command
@click.argument("name", required=False, shell_complete=names)
@click.option("-A", "--all-namespaces", is_flag=True, help="All databases of the cluster.")
@command
def status(session: Session, name: str | None, *, all_namespaces: bool) -> None:
    """Say how a database is: what it waits for, and what to do. Without NAME all are listed."""
    if name is not None:
        found = session.database(name, controller=True)
        session.answer(found, screen(found, session.now(), session.kubectl.flags))
        return
    everywhere = ["--all-namespaces"] if all_namespaces else []
    live = session.kubectl.read("get", PLURAL, *everywhere).get("items", [])
    all_found = list(map(database, live))
    session.answer(all_found, databases(all_found, session.now()))
