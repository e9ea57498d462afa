from __future__ import annotations

import pytest

from tests.golden import GOLDEN, SAMPLES, files, verdict

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
