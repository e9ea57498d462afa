"""What fuzzing once found, and a choice of what it came to, tried again."""

from __future__ import annotations

import pytest

from tests.fuzz import seeds, targets


@pytest.mark.parametrize("target", targets.TARGETS)
def test_whatever_was_found_holds(target: str) -> None:
    assert seeds.kept(target)
    for content in seeds.kept(target):
        targets.timely(targets.TARGETS[target], content)
