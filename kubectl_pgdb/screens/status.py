"""The one screen that says how a database is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from kubectl_pgdb.objects import OPERATOR, Condition, Database, Event, Instance
from kubectl_pgdb.screens.backups import window
from kubectl_pgdb.screens.prose import Prose
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.words import NOTHING, about, age, size
from schemas.reasons import REASONS

_HIDDEN: Final = frozenset({"Reconciling", "Stalled"})
"""Conditions for machines: what they say, Ready says too."""
_EVENTS: Final = 5
_SILENT: Final = timedelta(minutes=1)
"""Of a Lease that is renewed every four seconds; the clocks of two machines may differ by some."""
_FINE: Final = frozenset({"True"})
_HOLDS: Final = {"True": "{}", "False": "not {}"}


def status(database: Database, now: datetime, flags: Iterable[str] = ()) -> RenderableType:
    """Return the screen; `flags` are of kubectl, for the commands that it names."""
    parts: list[RenderableType] = [_title(database), *_unattended(database, now, flags)]
    parts += ["", _instances(database)]
    parts += ["", _conditions(database, now), "", window(database, now)]
    if database.events:
        parts += ["", _events(database.events[-_EVENTS:], now)]
    if steps := list(_steps(database, tuple(flags))):
        parts += ["", Text("WHAT TO DO", style="head"), *steps]
    parts += [Text(f"not shown: {each}", style="odd") for each in database.unread]
    return Group(*parts)


def _title(database: Database) -> Text:
    ready = database.condition("Ready")
    title = Text.assemble((database.name, "name"), f" in {database.namespace}")
    if database.version:
        title.append(f", PostgreSQL {database.version}")
    if ready is None:
        return title.append(": not looked at yet; does keddah's controller run?", style="bad")
    title.append(": ").append(ready.reason, style=style(ready))
    return title.append(f", {database.ready} ready") if database.ready and not database.hibernated else title


def _unattended(database: Database, now: datetime, flags: Iterable[str]) -> Iterator[RenderableType]:
    """Say so if keddah's controller is not heard of: what it has told may be old, however well it sounds."""
    seen = database.controller_seen
    if seen is None or now - seen < _SILENT:
        return
    where = (flag for flag in flags if not flag.startswith("--namespace"))
    kubectl = " ".join(("kubectl", *where, "get", "pods", f"--namespace={OPERATOR}"))
    words = f"No word of keddah's controller for {age(seen, now)}: nobody looks after the database, and what"
    yield Text(f"{words} is shown may be old. Look for it: {kubectl}", style="bad")


def _instances(database: Database) -> RenderableType:
    if not database.instances:
        return Text("no instances", style="faint")
    heads = ("INSTANCE", "ROLE", "STATE", "TL", "LAG", "DISK", "NODE")
    return table(*heads, rows=map(_instance, database.instances))


def _instance(instance: Instance) -> tuple[RenderableType, ...]:
    style = "good" if instance.ready else "faint" if instance.state == "stopped" else "bad"
    role = Text(instance.role or NOTHING, style="name" if instance.role == "primary" else "")
    lag = NOTHING if instance.lag_bytes is None else size(instance.lag_bytes)
    return (
        escape(instance.name),
        role,
        Text(instance.state, style=style),
        str(instance.timeline or NOTHING),
        lag,
        _disk(instance),
        escape(instance.node or NOTHING),
    )


def _disk(instance: Instance) -> Text:
    whole, free = instance.volume_bytes, instance.free_bytes
    if instance.disk_full:
        return Text(f"full, of {size(whole)}" if whole else "full", style="bad")
    if whole is None:
        return Text(NOTHING)
    return Text(size(whole) if free is None else f"{size(free)} free of {size(whole)}")


def _conditions(database: Database, now: datetime) -> RenderableType:
    shown = [each for each in database.conditions if each.type not in _HIDDEN]
    rows = [
        (
            _HOLDS.get(each.status, "{} ?").format(each.type),
            Text(each.reason, style=style(each)),
            age(each.since, now),
            Text(each.message),
        )
        for each in shown
    ]
    return table("CONDITION", "REASON", "FOR", "MESSAGE", rows=rows)


def style(condition: Condition) -> str:
    """Return the colour of a condition: what is a trouble, and what is not reached yet."""
    known = REASONS.get(condition.reason)
    if known is None or known.type == "Warning":
        return "bad"
    return "good" if condition.status in _FINE else "odd"


def _events(events: tuple[Event, ...], now: datetime) -> RenderableType:
    rows = [
        (
            age(each.at, now),
            Text(each.reason, style="bad" if each.type == "Warning" else ""),
            Text(each.message),
        )
        for each in events
    ]
    return table("AGO", "EVENT", "MESSAGE", rows=rows)


def _steps(database: Database, flags: Iterable[str]) -> Iterator[RenderableType]:
    """Say once of each reason that is not as it should be what a person does about it."""
    told = set()
    for condition in database.conditions:
        known = REASONS.get(condition.reason)
        fine = condition.status in _FINE and known is not None and known.type == "Normal"
        if known is None or condition.type in _HIDDEN or known.next == "Nothing." or condition.reason in told:
            continue
        if fine and condition.reason not in ("Hibernated", "Paused"):
            continue
        # Why there is no primary is what Ready tells.
        quiet = condition.reason == "NoPrimary" or known.next.startswith("Nothing")
        if quiet and condition.type != "Ready":
            continue
        told.add(condition.reason)
        head = Text.assemble("  ", (condition.reason, style(condition)), ":")
        yield Prose(head, about(known.next, database.name, flags), 2)
