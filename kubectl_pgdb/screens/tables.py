"""Tables as all screens have them: no lines, as kubectl's own, and a head that stands out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table


def table(*heads: str, rows: Iterable[Sequence[RenderableType]]) -> Table:
    """Return a table; where there is too little room the widest column is broken into lines, none is cut."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="head", show_edge=False)
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
