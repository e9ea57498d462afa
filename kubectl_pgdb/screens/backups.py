"""What can be restored, and how backups went."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from kubectl_pgdb.objects import Database, Run
from kubectl_pgdb.screens.prose import Prose
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.words import NOTHING, age, ago, moment, size

_INDENT = 9
_STYLES = {"Succeeded": "good", "Failed": "bad", "Running": "name"}


def window(database: Database, now: datetime) -> RenderableType:
    """Say in a few lines what can be restored."""
    held = database.backups
    head = Text.assemble(("BACKUPS", "head"), "  ")
    if not held.get("count"):
        return head.append("none", style="odd")
    head.append(f"{held['count']}, {size(held.get('sizeBytes', 0))}; newest {ago(database.last_backup, now)}")
    verified = moment(held.get("lastVerifiedTime"))
    head.append(f"; last verified {ago(verified, now)}", style="" if verified else "odd")
    oldest, newest = (moment(held.get(f"{each}RestorableTime")) for each in ("oldest", "newest"))
    if oldest is None:
        return head
    until = f"{newest:%Y-%m-%d %H:%M:%SZ} ({ago(newest, now)})" if newest else "its end"
    words = f"from {oldest:%Y-%m-%d %H:%M:%SZ} to {until}"
    return Group(head, Prose(Text(f"{'':{_INDENT}}restorable"), words, _INDENT))


def backups(database: Database, now: datetime) -> RenderableType:
    """Return the window, the error that stands, and the runs that Kubernetes still has."""
    parts: list[RenderableType] = [window(database, now)]
    if lag := database.backups.get("archiveLagSeconds"):
        parts.append(Text(f"         WAL waits for the archive since {lag // 60} min", style="bad"))
    if error := database.backups.get("lastError"):
        words = f"{error['reason']}: {error.get('message', '')}".removesuffix(": ")
        at = ago(moment(error["time"]), now)
        parts += ["", Text.assemble(("LAST ERROR", "head"), f"  {at}, ", (words, "bad"))]
    if database.runs:
        parts += [
            "",
            table(
                "RUN",
                "WHAT",
                "STATE",
                "BEGAN",
                "TOOK",
                "MESSAGE",
                rows=[_run(r, now) for r in database.runs],
            ),
        ]
    parts += [Text(f"not shown: {each}", style="odd") for each in database.unread]
    return Group(*parts)


def _run(run: Run, now: datetime) -> tuple[RenderableType, ...]:
    took = age(run.started, run.ended or now) if run.started else NOTHING
    state = Text(run.state, style=_STYLES.get(run.state, ""))
    return (
        run.name,
        run.command,
        state,
        ago(run.started, now) if run.started else NOTHING,
        took,
        Text(run.message),
    )
