"""What a server does: connections by state, who holds up whom, and the statements that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from kubectl_pgdb.activity import Activity, Session
from kubectl_pgdb.screens.prose import Prose
from kubectl_pgdb.words import NOTHING

_LONG_SECONDS: Final = 60.0
_STYLES: Final = {"active": "good", "idle in transaction": "odd", "idle in transaction (aborted)": "bad"}
_HEADS: Final = ("PID", "ROLE", "DATABASE", "STATE", "FOR", "XACT", "WAITS FOR")
"""XACT: for how long its transaction is open, as pg_stat_activity.xact_start has it."""
_IDLE: Final = "Client:ClientRead"
"""Waits for its client's next word."""
LINES: Final = 2
"""Of each session: who it is and how it goes, and its statement."""


def top(activity: Activity, where: str, psql: str, most: int = 20, trouble: str = "") -> RenderableType:
    """Return the screen; idle connections are counted, not listed.

    `psql`: the command that leads there. `trouble`: why the screen is not the newest.
    """
    blockers = _blockers(activity)
    busy = [each for each in activity.sessions if each.state != "idle"]
    busy.sort(key=lambda each: (each.pid not in blockers, not each.blockers))
    parts: list[RenderableType] = [*_title(activity, where), ""]
    parts += _sessions(busy[:most]) if busy else [Text("no session does anything", style="faint")]
    if len(busy) > most:
        parts.append(Text(f"and {len(busy) - most} more", style="faint"))
    if blockers:
        parts += ["", *(_way_out(pid, count, psql) for pid, count in blockers.most_common(3))]
    if trouble:
        parts += ["", Text(trouble, style="bad")]
    return Group(*parts)


def _blockers(activity: Activity) -> Counter[int]:
    """Return who holds up others and waits for nobody, each with how many wait for it, if indirectly."""
    waits = {each.pid: each.blockers for each in activity.sessions if each.blockers}
    found: Counter[int] = Counter()
    for pid, others in waits.items():
        seen, ahead = {pid}, list(others)
        while ahead:
            other = ahead.pop()
            if other in seen:
                continue
            seen.add(other)
            ahead += waits.get(other, ())
            found.update([other] if other not in waits else [])
    return found


def _title(activity: Activity, where: str) -> Iterator[Text]:
    role = "standby" if activity.standby else "primary"
    title = Text.assemble((where, "name"), f" ({role}): ")
    full = len(activity.sessions) >= activity.limit * 0.9
    title.append(f"{len(activity.sessions)} of {activity.limit} connections", style="bad" if full else "")
    blocked = sum(bool(each.blockers) for each in activity.sessions)
    title.append(f", {blocked} blocked" if blocked else "", style="bad")
    title.append(f", {activity.rate:.0f} transactions/s" if activity.rate is not None else "")
    yield title
    states = Counter(each.state or "unknown" for each in activity.sessions)
    if states:
        yield Text(", ".join(f"{count} {state}" for state, count in states.most_common()), style="faint")


def _sessions(sessions: list[Session]) -> Iterator[Text]:
    """Give a line of columns for each, and below it the statement, cut where the terminal ends."""
    rows = [[Text(head, style="head") for head in _HEADS], *map(_row, sessions)]
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    for row, session in zip(rows, (None, *sessions), strict=True):
        for cell, width in zip(row[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len + 2)
        yield Text.assemble(*row)
        if session is not None:
            by = f"{session.application}: " if session.application else ""
            yield Text.assemble("     ", (by, "faint"), session.query, no_wrap=True, overflow="ellipsis")


def _row(session: Session) -> list[Text]:
    long = max(session.seconds, session.transaction or 0) >= _LONG_SECONDS
    waits = Text(f"pid {', '.join(map(str, session.blockers))}", style="bad") if session.blockers else None
    return [
        Text(str(session.pid)),
        Text(session.role),
        Text(session.database),
        Text(session.state, style=_STYLES.get(session.state, "")),
        Text(_duration(session.seconds)),
        Text(_duration(session.transaction), style="odd" if long else ""),
        waits or Text("its client" if session.wait == _IDLE else session.wait or NOTHING),
    ]


def _way_out(pid: int, count: int, psql: str) -> RenderableType:
    command = f"{psql} -- -c 'SELECT pg_terminate_backend({pid})'"
    return Prose(Text(f"pid {pid} holds up {count}:", style="bad"), f"`{command}` ends its session.", 2)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s" if seconds < _LONG_SECONDS else f"{seconds / 60:.0f} min"
