"""Tables as all screens have them: no lines, as kubectl's own, and a head that stands out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table


def table(*heads: str, rows: Iterable[Sequence[RenderableType]], wrapped: str = "") -> Table:
    """Return a table; only the column `wrapped` is broken into lines, where there is too little room."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="head", show_edge=False)
    for head in heads:
        if head == wrapped:
            made.add_column(head, overflow="fold", ratio=None)
        else:
            made.add_column(head, no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made
