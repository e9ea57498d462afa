"""A line of a log, for people."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from kubectl_pgdb.lines import Line

_COLOURS: Final = ("none", "green", "magenta")
_LEVELS: Final = {
    **dict.fromkeys(("ERROR", "FATAL", "PANIC", "CRITICAL"), "bad"),
    **dict.fromkeys(("WARNING", "WARN"), "odd"),
    **dict.fromkeys(("DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5"), "faint"),
}


def line(said: Line) -> Text:
    """Return a line: when, who, which program, how bad, what, and all else that it has."""
    number = said.instance.rpartition("-")[2]
    colour = _COLOURS[int(number) % len(_COLOURS)] if number.isdecimal() else "none"
    style = _LEVELS.get(said.level, "")
    text = Text.assemble(
        (said.at[11:23].rstrip("Z"), "faint"), " ", (said.instance, colour), " ", said.logger
    )
    text.append(f" {said.level or '-'} ", style=style)
    text.append(said.message, style=style if style == "bad" else "")
    for key, value in said.more.items():
        text.append(f" {key}={value}", style="faint")
    return text
