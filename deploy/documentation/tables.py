"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE_OR_ANGLE = re.compile(r"`[^`]*`|[<>]")


def table(*heads: str, rows: Iterable[Iterable[str]]) -> str:
    """Return a table; its cells are of Markdown, with a pipe in them written so that it ends none."""
    lines = [_line(heads), f"|{'---|' * len(heads)}", *map(_line, rows)]
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    """Return a text as code; nothing for an empty one."""
    written = str(text)
    return f"`{written}`" if written else ""


def prose(text: str) -> str:
    """Return words that no Markdown is meant by: a `<` in them begins no tag."""
    return _CODE_OR_ANGLE.sub(lambda match: {"<": "&lt;", ">": "&gt;"}.get(match[0], match[0]), text)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
