from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.parameters import FIELDS, MAJORS, document

DATA = Path(__file__).parents[2] / "schemas/data"


def test_the_data_file_has_one_parameter_a_line_sorted_by_name() -> None:
    printed = '{"name":"b","boot_val":"\\"$user\\", public"}\n{"name":"a","boot_val":null}\n'
    lines = document(printed).splitlines()
    assert lines == [
        "[",
        '{"name": "a", "boot_val": null},',
        '{"name": "b", "boot_val": "\\"$user\\", public"}',
        "]",
    ]


@pytest.mark.parametrize("major", MAJORS)
def test_the_committed_data_is_complete(major: int) -> None:
    rows = json.loads((DATA / f"parameters-{major}.json").read_text())
    assert len(rows) > 350
    assert {tuple(row) for row in rows} == {FIELDS}
    by_name = {row["name"]: row for row in rows}
    assert list(by_name) == sorted(by_name)
    assert by_name["shared_buffers"]["context"] == "postmaster"
    assert by_name["work_mem"]["unit"] == "kB"
    assert by_name["search_path"]["boot_val"] == '"$user", public'
    assert "replica" in by_name["wal_level"]["enumvals"]
