"""What a reason means, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from kubectl_pgdb.screens.prose import Prose
from kubectl_pgdb.screens.tables import table
from schemas.reasons import REASONS
from schemas.reasons.conditions import CONDITIONS
from schemas.reasons.reason import Reason

_HEAD: Final = 11


def explained(name: str) -> RenderableType:
    """Return one reason, condition, or both of that name, in full."""
    parts: list[RenderableType] = []
    if name in CONDITIONS:
        parts += [Text.assemble((name, "name"), " (condition)"), _line("holds", CONDITIONS[name])]
    if name in REASONS:
        parts += [""] if parts else []
        parts += _reason(name, REASONS[name])
    return Group(*parts)


def _reason(name: str, reason: Reason) -> list[RenderableType]:
    style = "bad" if reason.type == "Warning" else "good"
    return [
        Text.assemble((name, style), f" (reason, {reason.type})"),
        _line("meaning", reason.meaning),
        _line("what to do", reason.next),
    ]


def _line(head: str, words: str) -> RenderableType:
    """Return words beside their head, which their further lines leave free."""
    return Prose(Text(f"{head:{_HEAD}}", style="head"), words, _HEAD + 1)


def listed(names: Iterable[str]) -> RenderableType:
    """Return reasons with their meanings."""
    rows = [
        (Text(name, style="bad" if REASONS[name].type == "Warning" else ""), REASONS[name].meaning)
        for name in names
    ]
    return table("REASON", "MEANING", rows=rows)
