from __future__ import annotations

import pytest

from controller.observe.instances.following import wants_removed_wal

LINE = (
    "2026-11-23 12:13:10.527 UTC [245] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL"
)
MISSING = f"{LINE} segment 000000010000000000000004 has already been removed"


def test_a_standby_says_in_its_log_that_wal_is_missing() -> None:
    before = "2026-11-23 12:13:10.526 UTC [245] LOG:  started streaming WAL from primary at 0/4000000"
    assert wants_removed_wal(f"{before}\n{MISSING}\n{before}\n")


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
    ],
)
def test_whatever_else_a_log_says_is_no_missing_wal(log: str) -> None:
    assert not wants_removed_wal(log)
