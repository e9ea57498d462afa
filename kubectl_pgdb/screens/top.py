"""What a server does: connections by state, who waits for whom, and the statements that run."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from kubectl_pgdb.activity import Activity, Session
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.words import NOTHING

_LONG_SECONDS: Final = 60.0
_STYLES: Final = {"active": "good", "idle in transaction": "odd", "idle in transaction (aborted)": "bad"}


def top(activity: Activity, where: str, most: int = 20) -> RenderableType:
    """Return the screen; idle connections are counted, not listed."""
    busy = [each for each in activity.sessions if each.state != "idle"]
    parts: list[RenderableType] = [_title(activity, where), ""]
    if not busy:
        return Group(*parts, Text("no session does anything", style="faint"))
    heads = ("PID", "ROLE", "DATABASE", "STATE", "FOR", "WAITS FOR", "QUERY")
    parts.append(table(*heads, rows=[_row(each) for each in busy[:most]], wrapped="QUERY"))
    if len(busy) > most:
        parts.append(Text(f"and {len(busy) - most} more", style="faint"))
    return Group(*parts)


def _title(activity: Activity, where: str) -> Text:
    states = Counter(each.state or "unknown" for each in activity.sessions)
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    role = "standby" if activity.standby else "primary"
    title = Text.assemble((where, "name"), f" ({role}): ")
    full = len(activity.sessions) >= activity.limit * 0.9
    title.append(f"{len(activity.sessions)} of {activity.limit} connections", style="bad" if full else "")
    title.append(f" ({told})" if told else "")
    if activity.rate is not None:
        title.append(f", {activity.rate:.0f} transactions/s")
    blocked = sum(bool(each.blockers) for each in activity.sessions)
    return title.append(f", {blocked} blocked", style="bad") if blocked else title


def _row(session: Session) -> tuple[RenderableType, ...]:
    waits = Text(f"pid {', '.join(map(str, session.blockers))}", style="bad") if session.blockers else None
    long = max(session.seconds, session.transaction or 0) >= _LONG_SECONDS
    return (
        str(session.pid),
        session.role,
        session.database,
        Text(session.state, style=_STYLES.get(session.state, "")),
        Text(_duration(session.seconds), style="odd" if long else ""),
        waits or Text(session.wait or NOTHING),
        Text(session.query, overflow="ellipsis", no_wrap=True),
    )


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s" if seconds < _LONG_SECONDS else f"{seconds / 60:.0f} min"
