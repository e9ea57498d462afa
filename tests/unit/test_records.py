"""What a line of the log has, and that it is one line of JSON whatever is logged."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formatter import Formatter
from schemas.records import REQUIRED, Logging, as_json, as_text, record, timestamp

AT = 1_796_000_000.25


def logged(
    message: str, *arguments: object, name: str = "controller.reconcile", level: int = logging.INFO
) -> str:
    said = logging.LogRecord(name, level, "f.py", 1, message, arguments, None)
    said.created = AT
    return Formatter().format(said)


@given(st.text(st.characters()), st.dictionaries(st.text(min_size=1), st.text(st.characters())))
def test_whatever_a_message_holds_it_is_one_line_of_json(message: str, more: dict[str, str]) -> None:
    fields = {**more, **record(AT, "info", "postgres", message)}
    line = as_json(fields)
    line.encode()
    assert "\n" not in line
    assert set(REQUIRED) <= set(json.loads(line))
    assert json.loads(line)["msg"] == message.encode(errors="replace").decode()
    # Nothing that a message holds begins a line of its own.
    assert all(part.startswith("\t") for part in as_text(fields).split("\n")[1:])


def test_lines_have_these_fields_in_this_order() -> None:
    line = logged("Reconciled database=%s outcome=%s", "shop/orders", "Done")
    assert line == (
        '{"ts":"2026-11-30T00:53:20.250Z","level":"info","logger":"keddah.controller.reconcile",'
        '"msg":"Reconciled database=shop/orders outcome=Done","database":"shop/orders"}'
    )
    assert timestamp(AT) == "2026-11-30T00:53:20.250Z"


@pytest.mark.parametrize(
    ("name", "logger"),
    [
        ("controller", "keddah.controller"),
        ("webhooks.app", "keddah.webhooks.app"),
        ("keddah_patroni.ha", "keddah.patroni.ha"),
        ("patroni.ha", "patroni.ha"),
        ("controllers", "controllers"),
        ("kopf.reactor", "kopf.reactor"),
    ],
)
def test_whose_line_it_is_is_told_by_the_field(name: str, logger: str) -> None:
    assert json.loads(logged("x", name=name))["logger"] == logger


@pytest.mark.parametrize(
    "message", ["Left kind=Pod database=shop/orders' why", "Failed database=x", "databases=shop/orders"]
)
def test_a_database_is_named_where_the_message_names_one(message: str) -> None:
    assert "database" not in json.loads(logged(message))


def test_levels_are_those_of_all_programs() -> None:
    found = [json.loads(logged("x", level=level))["level"] for level in (5, 10, 20, 25, 30, 40, 50, 60)]
    assert found == ["debug", "debug", "info", "info", "warning", "error", "critical", "critical"]


def test_an_error_keeps_its_traceback_in_one_line() -> None:
    error = ValueError("no")
    said = logging.LogRecord("x", logging.ERROR, "f.py", 1, "Failed", (), (ValueError, error, None))
    assert json.loads(Formatter().format(said))["exception"].endswith("ValueError: no")


@pytest.mark.parametrize("written", ["JSON", "Text"])
def test_what_ends_a_process_is_a_line_as_any_other(written: Logging) -> None:
    program = (
        "import warnings; from schemas.processes import Log, log_to_stderr; "
        f"log_to_stderr(Log(written={written!r})); warnings.warn('old'); raise KeyError('x')"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    lines = said.stderr.splitlines()
    if written == "Text":
        first = [line for line in lines if not line.startswith("\t")]
        assert [line.split(" ")[1] for line in first] == ["WARNING", "CRITICAL"]
        return
    assert [json.loads(line)["level"] for line in lines] == ["warning", "critical"]
    assert json.loads(lines[1])["msg"] == "Ended error=KeyError"
