"""Sentences in which a command stays whole, so that it can be copied from a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

_WORDS: Final = re.compile(r"[^\s`]*`[^`]*`\S*|\S+")


@dataclass(frozen=True, slots=True)
class Prose:
    """A head and words, broken between words and never within `a command`."""

    head: Text
    words: str
    indent: int
    """Columns that each line but the first begins with."""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Give the lines; a long command begins further to the left."""
        line, width = self.head.copy(), options.max_width
        for word in _WORDS.findall(self.words):
            gap, long = " " if line.plain.strip() else "", cell_len(word)
            if gap and line.cell_len + 1 + long > width:
                yield line
                line, gap = Text(" " * min(self.indent, max(0, width - long))), ""
            line.append(gap + word)
        yield line
