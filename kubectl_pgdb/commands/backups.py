"""`kubectl pgdb backups`."""

from __future__ import annotations

import click

from kubectl_pgdb.screens.backups import backups as screen
from kubectl_pgdb.session import NAME, Session, command


@click.command
@NAME()
@command
def backups(session: Session, name: str) -> None:
    """Say what can be restored, when that was last proved, and how the latest runs went."""
    found = session.database(name)
    content = {"backups": found.backups, "lastBackupTime": found.last_backup, "runs": found.runs}
    session.answer(content, screen(found, session.now()))
