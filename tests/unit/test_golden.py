from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden import GOLDEN, SAMPLES, children, files, verdict

CHILDREN = Path(__file__).parents[2] / "docs" / "children.md"

CURRENT = files()


@pytest.mark.parametrize("name", CURRENT)
def test_a_sample_becomes_what_was_reviewed(name: str) -> None:
    """If the difference is meant: `python -m tests.golden`, and review it."""
    assert CURRENT[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_every_sample_has_golden_files() -> None:
    assert {path.stem for path in SAMPLES.glob("*.yaml")} == {path.stem for path in GOLDEN.glob("*.txt")}


def test_the_bad_sample_has_five_mistakes_all_named() -> None:
    refused = [line for line in verdict("mistakes").splitlines() if not line.startswith("warning: ")]
    fields = {line.partition(": ")[0] for line in refused}
    assert fields == {
        "spec.version",
        "spec.replicas",
        "spec.backupSchedule",
        "spec.storage.size",
        "spec.parameters.shared_bufers",
    }


def test_every_child_has_a_line_in_the_documentation() -> None:
    told: set[tuple[str, str]] = set()
    for line in CHILDREN.read_text(encoding="utf-8").splitlines():
        objects = line.removeprefix("| ").partition(" | ")[0]
        named = re.findall(r"`(NAME[a-z-]*(?:ROLE)?)`", objects)
        told |= set(product(re.findall(r"[A-Z][A-Za-z]+", re.sub("`.*?`", "", objects)), named))
    made = {
        (child["kind"], re.sub("-role-.*", "-role-ROLE", _name(child)))
        for sample in ("small", "full")
        for child in yaml.safe_load_all(children(sample))
    }
    assert made - told == set()


def _name(child: dict[str, Any]) -> str:
    return re.sub("^(orders|ledger)", "NAME", child["metadata"]["name"])
