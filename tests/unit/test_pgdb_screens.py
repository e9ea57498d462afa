"""What `kubectl pgdb` prints of a healthy, a failing, a full and a hibernated database."""

from __future__ import annotations

import io
import json
from typing import Any, Literal

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from kubectl_pgdb.activity import read as read_activity
from kubectl_pgdb.lines import read
from kubectl_pgdb.screens.backups import backups
from kubectl_pgdb.screens.logs import line
from kubectl_pgdb.screens.prose import Prose
from kubectl_pgdb.screens.reasons import explained
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.screens.top import top
from kubectl_pgdb.session import THEME
from tests.golden import GOLDEN
from tests.pgdb import NOW, STATES, screens


def printed(renderable: RenderableType, width: int = 80, *, colour: bool = False) -> str:
    """Give what a terminal shows of it."""
    out = io.StringIO()
    kind: Literal["standard"] | None = "standard" if colour else None
    console = Console(file=out, width=width, theme=THEME, force_terminal=colour, color_system=kind)
    console.print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("state", STATES)
def test_the_status_of_a_database_fits_a_terminal_and_reads_as_it_should(state: str) -> None:
    text = screens()[f"pgdb/{state}.txt"]
    assert text == (GOLDEN / f"pgdb/{state}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("state", STATES)
def test_colours_are_those_that_every_terminal_has_chosen_for_its_ground(state: str) -> None:
    found = STATES[state]()
    text = printed(backups(found, NOW), colour=True)
    assert "\x1b[" in text
    assert "38;2;" not in text, "a colour of our own would be unreadable on somebody's ground"
    assert "\x1b[37m" not in text
    assert "\x1b[30m" not in text


def test_backups_say_the_error_that_stands_and_how_runs_ended() -> None:
    text = printed(backups(STATES["disk-full"](), NOW))
    assert "LAST ERROR  2 h ago, RepositoryFull: no space left on device" in text
    assert "orders-backup-29301  backup  Failed" in text


def test_a_reason_is_explained_with_its_next_step() -> None:
    text = printed(explained("DiskFull"))
    assert "DiskFull (reason, Warning)" in text
    assert "kubectl patch pgdb NAME" in text
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
    shown = printed(top(read_activity(json.dumps(BUSY), before), "orders"))
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


def test_of_a_chain_of_waits_its_end_is_told() -> None:
    sessions = [
        {**BUSY["sessions"][0], "pid": pid, "blockers": blockers, "state": "active"}
        for pid, blockers in ((1, []), (2, [1]), (3, [2, 1]), (4, [5]), (5, [4]))
    ]
    shown = printed(top(read_activity(json.dumps(BUSY | {"sessions": sessions})), "orders"))
    assert "4 blocked" in shown
    assert "pid 1 holds up 2:" in shown
    assert shown.count("holds up") == 1, "of a circle of two PostgreSQL itself ends one"


def test_a_screen_that_is_not_the_newest_says_why() -> None:
    shown = printed(top(read_activity(json.dumps(BUSY)), "orders", trouble="no answer: refused"))
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
