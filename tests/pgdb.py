"""What `kubectl pgdb` prints of databases that were recorded: healthy, failing over, full, hibernated."""

from __future__ import annotations

import io
from typing import Any, Final, Literal

from rich.console import Console, RenderableType

from kubectl_pgdb.screens.backups import backups
from kubectl_pgdb.screens.status import status
from kubectl_pgdb.screens.top import top
from kubectl_pgdb.session import THEME
from tests.recorded import NAME, Recorded

STATES: Final = ("healthy", "failing-over", "disk-full", "hibernated")


def condition(kind: str, reason: str, message: str, truth: str = "True") -> dict[str, Any]:
    """Give a condition."""
    since = "2026-12-01T03:00:00Z"
    return {"type": kind, "status": truth, "reason": reason, "message": message, "lastTransitionTime": since}


def screens() -> dict[str, str]:
    """Return all screens of each, by the name of its golden file."""
    return {f"pgdb/{state}.txt": "\n".join(map(printed, parts(Recorded(state)))) for state in STATES}


def parts(recorded: Recorded) -> list[RenderableType]:
    """Return what is printed of one: `status`, `backups`, and `top` if its primary answered."""
    found, activity = recorded.database, recorded.activity
    live = [top(activity, NAME, f"kubectl pgdb psql {NAME}")] if activity else []
    return [status(found, recorded.at), backups(found, recorded.at), *live]


def printed(renderable: RenderableType, width: int = 80, *, colour: bool = False) -> str:
    """Give what a terminal shows, without spaces at the ends of lines."""
    out = io.StringIO()
    kind: Literal["standard"] | None = "standard" if colour else None
    Console(
        file=out, width=width, theme=THEME, highlight=False, force_terminal=colour, color_system=kind
    ).print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
