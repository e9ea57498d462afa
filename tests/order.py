"""In which order processes that share the tests take them: file after file, those that take longest first.

One that comes late and takes long would keep a single process busy while the others are done.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MARKER = "minutes(number): how long it takes, if that is more than the others of its tier do"


def longest_first(items: list[pytest.Item], usual: float) -> None:
    """Sort the files by the minutes that their tests are marked with, or else are usual."""
    minutes: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        marker = item.get_closest_marker("minutes")
        minutes[item.path] += marker.args[0] if marker else usual
    items.sort(key=lambda item: minutes[item.path], reverse=True)
