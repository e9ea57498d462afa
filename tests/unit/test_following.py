from __future__ import annotations

import json

import pytest

from controller.observe.instances.following import wants_removed_wal

LINE = (
    "2026-11-23 12:13:10.527 UTC [245] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL"
)
MISSING = f"{LINE} segment 000000010000000000000004 has already been removed"


def test_a_standby_says_in_its_log_that_wal_is_missing() -> None:
    before = "2026-11-23 12:13:10.526 UTC [245] LOG:  started streaming WAL from primary at 0/4000000"
    assert wants_removed_wal(f"{before}\n{MISSING}\n{before}\n")


def as_json(message: str, severity: str = "FATAL", logger: str = "postgres") -> str:
    """Give a line as an instance writes it where `logging` is JSON."""
    said = {"msg": message, "logger": logger, "postgresql": {"error_severity": severity}}
    return json.dumps({"ts": "2026-11-23T12:13:10.527Z", "level": "error"} | said)


WORDS = MISSING.partition("FATAL:  ")[2]


def test_it_says_so_in_a_line_of_json_too() -> None:
    before = as_json("started streaming WAL from primary at 0/4000000 on timeline 1", "LOG")
    assert wants_removed_wal(f"{before}\n{as_json(WORDS)}\n{before}\n")


@pytest.mark.parametrize(
    "log",
    [
        "",
        "2026-11-23 12:13:10.527 UTC [245] FATAL:  could not connect to the primary server: timeout",
        "2026-11-23 UTC [1] FATAL:  could not start WAL streaming: ERROR:  replication slot does not exist",
        f"2026-11-23 12:13:10.527 UTC [9] app@app ERROR:  {MISSING}",
        f"2026-11-23 12:13:10.527 UTC [9] app@app STATEMENT:  SELECT '{MISSING}",
        f"2026-11-23 12:13:10.527 UTC [9] app@app STATEMENT:  SELECT '\n\t{MISSING}\n\t'",
        f"{MISSING} or so",
        as_json(WORDS, "ERROR"),
        as_json(WORDS, "LOG"),
        as_json(WORDS, logger="patroni"),
        as_json(f"it said: {WORDS}"),
        as_json(WORDS)[:-1],
    ],
)
def test_whatever_else_a_log_says_is_no_missing_wal(log: str) -> None:
    assert not wants_removed_wal(log)
