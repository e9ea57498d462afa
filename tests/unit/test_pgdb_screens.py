"""What `kubectl pgdb` prints of a healthy, a failing, a full and a hibernated database."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.text import Text

from kubectl_pgdb.activity import read as read_activity
from kubectl_pgdb.commands.top import Place
from kubectl_pgdb.lines import read
from kubectl_pgdb.objects import database
from kubectl_pgdb.screens.backups import backups
from kubectl_pgdb.screens.logs import line
from kubectl_pgdb.screens.prose import Prose
from kubectl_pgdb.screens.reasons import explained
from kubectl_pgdb.screens.status import status
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.screens.top import top
from kubectl_pgdb.words import about
from schemas.reasons import REASONS
from tests.factory import database as manifest
from tests.golden import GOLDEN
from tests.pgdb import STATES, parts, printed, screens
from tests.recorded import Recorded

WORD = re.compile(r"\S+")
STYLE = re.compile(r"\x1b\[([0-9;]*)m")
FOR_TOOLS = ("Reconciling", "Stalled")
PSQL = "kubectl pgdb psql orders"
PLAIN = {"0", "1", "2", "31", "32", "35"}
"""Bold and faint, and of the sixteen colours those that are seen on a light ground and on a dark one."""


@pytest.mark.parametrize("state", STATES)
def test_the_screens_of_a_database_fit_a_terminal_and_read_as_they_should(state: str) -> None:
    text = screens()[f"pgdb/{state}.txt"]
    assert text == (GOLDEN / f"pgdb/{state}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_cut_that_matters(state: str) -> None:
    found = Recorded(state).database
    shown = printed(status(found, Recorded(state).at))
    assert "…" not in shown
    told = [
        *(
            f"{each.type} {each.reason} {each.message}"
            for each in found.conditions
            if each.type not in FOR_TOOLS
        ),
        *(f"{each.reason} {each.message}" for each in found.events[-5:]),
        *(f"{each.name} {each.role} {each.state} {each.node}" for each in found.instances),
        *(about(REASONS[each.reason].next, "orders") for each in found.conditions if each.type == "Ready"),
    ]
    words = {word for line in told for word in WORD.findall(line)} - {"Nothing."}
    assert words - set(WORD.findall(shown)) == set()


@pytest.mark.parametrize("state", STATES)
def test_colours_are_those_that_every_terminal_has_chosen_for_its_ground(state: str) -> None:
    plain, coloured = (
        "\n".join(printed(each, colour=colour) for each in parts(Recorded(state))) for colour in (False, True)
    )
    assert [line.rstrip() for line in STYLE.sub("", coloured).splitlines()] == plain.splitlines()
    used = {code for codes in STYLE.findall(coloured) for code in codes.split(";")}
    assert {"1"} <= used <= PLAIN


def test_backups_say_the_error_that_stands_and_how_runs_ended() -> None:
    error = {"time": "2026-12-01T01:00:00Z", "reason": "RepositoryFull", "message": "no space left on device"}
    end = {
        "type": "Failed",
        "status": "True",
        "lastTransitionTime": "2026-12-01T01:00:00Z",
        "message": "It failed",
    }
    job = {
        "kind": "Job",
        "metadata": {"name": "orders-backup-29301", "labels": {"keddah.dev/run": "backup"}},
        "status": {"startTime": "2026-12-01T00:59:00Z", "conditions": [end]},
    }
    live = manifest() | {"status": {"backups": {"lastError": error}}}
    text = printed(backups(database(live, [job]), datetime(2026, 12, 1, 3, tzinfo=UTC)))
    assert "LAST ERROR  2 h ago, RepositoryFull: no space left on device" in text
    assert "orders-backup-29301  backup  Failed  2 h ago  1 min  It failed" in text


def test_a_reason_is_explained_with_its_next_step() -> None:
    text = printed(explained("DiskFull"))
    assert "DiskFull (reason, Warning)" in text
    assert "`kubectl edit pgdb NAME`" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_condition_is_explained_and_a_reason_of_the_same_name_too() -> None:
    assert printed(explained("BackedUp")).startswith("BackedUp (condition)\nholds       There is a backup")
    text = printed(explained("Ready"))
    assert text.index("Ready (condition)") < text.index("Ready (reason, Normal)")


JSON = (
    '{"ts":"2026-12-01T02:59:58.123Z","level":"error","logger":"postgresql","msg":"no room",'
    '"database":"orders","instance":"orders-0","pid":7}'
)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            f"[pod/orders-0/postgres] 2026-12-01T02:59:59Z {JSON}",
            "orders-0 postgresql ERROR no room pid=7",
        ),
        ("[pod/orders-1/postgres] 2026-12-01T02:59:58.123Z LOG:  on", "orders-1 postgres LOG LOG:  on"),
        ('[pod/orders-1/postgres] 2026-12-01T02:59:58.123Z {"a": 1}', 'orders-1 postgres - {"a": 1}'),
    ],
)
def test_a_line_of_a_log_is_readable_whether_json_or_text(given: str, shown: str) -> None:
    assert printed(line(read(given)), 200) == f"02:59:58.123 {shown}\n"


def test_what_kubectl_says_between_the_lines_is_shown_as_it_is() -> None:
    assert printed(line(read("no prefix"))).strip() == "- no prefix"


BUSY: dict[str, Any] = {
    "instance": "orders",
    "recovery": False,
    "limit": 100,
    "transactions": 1200,
    "at": 1010.0,
    "sessions": [
        {
            "pid": 71,
            "role": "app",
            "database": "app",
            "state": "active",
            "wait": "Lock:transactionid",
            "seconds": 12.4,
            "transaction": 12.5,
            "blockers": [70],
            "application": "shop",
            "query": "UPDATE accounts SET balance = balance - 1 WHERE id = 7 AND owner = 'somebody'",
        },
        {
            "pid": 70,
            "role": "app",
            "database": "app",
            "state": "idle in transaction",
            "wait": "Client:ClientRead",
            "seconds": 300.0,
            "transaction": 301.0,
            "blockers": [],
            "application": "",
            "query": "SELECT 1",
        },
        {
            "pid": 72,
            "role": "app",
            "database": "app",
            "state": "idle",
            "wait": "",
            "seconds": 5,
            "transaction": None,
            "blockers": [],
            "application": "",
            "query": "COMMIT",
        },
    ],
}


def test_top_shows_who_holds_up_whom_with_the_way_out_and_fits_a_terminal() -> None:
    before = read_activity(json.dumps(BUSY | {"transactions": 200, "at": 1000.0}))
    shown = printed(top(read_activity(json.dumps(BUSY), before), "orders", PSQL))
    assert max(map(len, shown.splitlines())) <= 80
    assert [" ".join(line.split()) for line in shown.splitlines()] == [
        "orders (primary): 3 of 100 connections, 1 blocked, 100 transactions/s",
        "1 active, 1 idle in transaction, 1 idle",
        "",
        "PID ROLE DATABASE STATE FOR XACT WAITS FOR",
        # Who holds others up comes first; idle connections are counted, not listed.
        "70 app app idle in transaction 5 min 5 min its client",
        "SELECT 1",
        "71 app app active 12 s 12 s pid 70",
        "shop: UPDATE accounts SET balance = balance - 1 WHERE id = 7 AND owner = '…",
        "",
        "pid 70 holds up 1:",
        "`kubectl pgdb psql orders -- -c 'SELECT pg_terminate_backend(70)'` ends its",
        "session.",
    ]


def test_commands_of_the_next_step_lead_where_the_user_is() -> None:
    step = "Wait, or `kubectl get pods -l a=NAME`; then `kubectl pgdb logs NAME` and kubectl."
    assert about(step, "orders", ("--namespace=shop",)) == (
        "Wait, or `kubectl --namespace=shop get pods -l a=orders`;"
        " then `kubectl pgdb logs --namespace=shop orders` and kubectl."
    )
    assert Place("orders", "orders-1", ("-n=shop",)).psql == "kubectl pgdb psql -n=shop orders -i orders-1"


def test_why_there_is_no_primary_is_asked_of_ready_alone() -> None:
    found = Recorded("failing-over").database
    refused = tuple(
        replace(each, reason="TargetOutsideWindow") if each.type == "Ready" else each
        for each in found.conditions
    )
    steps = printed(status(replace(found, conditions=refused), Recorded("failing-over").at))
    assert "NoPrimary:" not in steps
    assert "TargetOutsideWindow:" in steps


def test_of_a_chain_of_waits_its_end_is_told() -> None:
    sessions = [
        {**BUSY["sessions"][0], "pid": pid, "blockers": blockers, "state": "active"}
        for pid, blockers in ((1, []), (2, [1]), (3, [2, 1]), (4, [5]), (5, [4]))
    ]
    shown = printed(top(read_activity(json.dumps(BUSY | {"sessions": sessions})), "orders", PSQL))
    assert "4 blocked" in shown
    assert "pid 1 holds up 2:" in shown
    assert shown.count("holds up") == 1, "of a circle of two PostgreSQL itself ends one"


def test_a_screen_that_is_not_the_newest_says_why() -> None:
    shown = printed(top(read_activity(json.dumps(BUSY)), "orders", PSQL, trouble="no answer: refused"))
    assert shown.splitlines()[-1] == "no answer: refused"


@pytest.mark.parametrize("width", [40, 80])
def test_a_table_loses_nothing_in_a_narrow_terminal(width: int) -> None:
    """Names may have 63 characters, and nodes of clouds nearly do."""
    rows = [("orders-of-a-shop-with-a-long-name-0", "primary", "ip-10-0-12-34.eu-central-1.compute.internal")]
    shown = printed(table("INSTANCE", "ROLE", "NODE", rows=rows), width)
    assert max(map(len, shown.splitlines())) <= width
    columns = [line.split() for line in shown.splitlines()]
    assert "…" not in shown
    assert sorted("".join(word for line in columns for word in line)) == sorted(
        "".join(("INSTANCE", "ROLE", "NODE", *rows[0]))
    )


def test_a_command_stays_whole_and_moves_to_the_left_where_it_is_long() -> None:
    command = f"`kubectl pgdb {'x' * 60}`"
    shown = printed(Prose(Text("what to do"), f"Do this: {command} and wait.", 12))
    assert shown == f"what to do Do this:\n{' ' * 5}{command}\n{' ' * 12}and wait.\n"
