"""The list of databases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from kubectl_pgdb.objects import Database
from kubectl_pgdb.screens.status import style
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.words import NOTHING, ago


def databases(found: Iterable[Database], now: datetime) -> RenderableType:
    """Return a line for each database."""
    heads = ("NAMESPACE", "NAME", "VERSION", "READY", "PRIMARY", "STATUS", "LAST BACKUP")
    rows = [_row(each, now) for each in sorted(found, key=lambda each: (each.namespace, each.name))]
    return table(*heads, rows=rows) if rows else Text("no databases")


def _row(database: Database, now: datetime) -> tuple[RenderableType, ...]:
    ready = database.condition("Ready")
    told = Text(ready.reason, style=style(ready)) if ready else Text(NOTHING)
    shown = (database.namespace, database.name, database.version, database.ready, database.primary)
    return (*(each or NOTHING for each in shown), told, ago(database.last_backup, now))
