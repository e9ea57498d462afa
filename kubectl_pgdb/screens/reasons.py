"""What a reason means, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from kubectl_pgdb.screens.tables import table
from schemas.reasons import REASONS
from schemas.reasons.reason import Reason


def explained(name: str, reason: Reason) -> RenderableType:
    """Return one reason in full."""
    style = "bad" if reason.type == "Warning" else "good"
    return Group(
        Text.assemble((name, style), f" ({reason.type})"),
        Text.assemble(("meaning     ", "head"), reason.meaning),
        Text.assemble(("what to do  ", "head"), reason.next),
    )


def listed(names: Iterable[str]) -> RenderableType:
    """Return reasons with their meanings."""
    rows = [
        (Text(name, style="bad" if REASONS[name].type == "Warning" else ""), REASONS[name].meaning)
        for name in names
    ]
    return table("REASON", "MEANING", rows=rows, wrapped="MEANING")
