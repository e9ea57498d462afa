"""A member and a controller understand each other, whichever of them is older."""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from controller import protocol
from controller.protocol import VERSION
from controller.protocol.member import Report

FULL = Report(
    VERSION,
    "0123456789abcdef",
    disk_full=True,
    room=4096,
    slots={"debezium": 256},
    damage="control-file",
    copy="source-damaged",
    crashed="2026-11-29T12:00:01Z",
    killed="2026-11-29T12:00:00Z",
)


def carried(report: Report) -> Report:
    """Carry a report through the pod's annotation."""
    return Report.read(json.loads(json.dumps(report.tags())))


@pytest.mark.parametrize("report", [FULL, Report(VERSION), Report(VERSION, "0123")])
def test_what_is_reported_is_read(report: Report) -> None:
    assert carried(report) == report


def test_an_older_image_that_says_nothing_is_taken_for_well() -> None:
    assert Report.read({}) == Report()
    assert Report.read({"configuration": "0123", "clonefrom": True}) == Report(0, "0123")


def test_an_older_controller_reads_from_a_newer_image_what_it_knows() -> None:
    newer = {**FULL.tags(), "keddah": VERSION + 1, "archive_lag": {"seconds": 7}}
    assert Report.read(newer) == replace(FULL, version=VERSION + 1)
    # What it may not act on, as it does not know it.
    assert Report.read({"damage": "page-checksums", "copy": "slow"}) == Report()


@pytest.mark.parametrize(
    "tags",
    [
        "damaged",
        None,
        [],
        {"keddah": "one", "configuration": 7, "disk_full": "yes", "room": "4Gi", "slots": ["a"], "killed": 7},
        {"damage": ["control-file"], "copy": True},
    ],
)
def test_what_is_damaged_counts_as_not_said(tags: object) -> None:
    assert Report.read(tags) == Report()


def test_the_package_needs_nothing_that_the_image_lacks() -> None:
    modules = {
        name
        for file in Path(protocol.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    others = {name for name in modules if str(name) != protocol.__name__}
    assert all(str(name).partition(".")[0] in sys.stdlib_module_names for name in others)


OLD_REPORT = """{"keddah": 1, "configuration": "0123456789abcdef", "disk_full": true, "room": 4096,
    "slots": {"debezium": 256}, "damage": "control-file", "copy": "source-damaged",
    "crashed": "2026-11-29T12:00:01Z", "killed": "2026-11-29T12:00:00Z"}"""
"""As an image of keddah 0.1.0 says it: it never changes, so what is read is what was meant."""


def test_what_an_older_image_says_is_understood() -> None:
    assert Report.read(json.loads(OLD_REPORT)) == FULL
