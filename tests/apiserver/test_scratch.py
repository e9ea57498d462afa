"""A server on restored files: what its users had it do by itself, it does not do there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deploy.images.backup.scratch import OVERRIDES
from tests.backup_machine import Database, Machine
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

CRON = """
archive_mode = off
shared_preload_libraries = 'pg_cron'
cron.use_background_workers = on
"""
BEATS = "SELECT count(*) FROM beats"


def test_no_job_of_the_users_runs_on_restored_files(database_root: Path, tmp_path: Path) -> None:
    database = Database(Machine(database_root, tmp_path))
    database.create()
    with database.file("postgresql.conf").open("a") as configuration:
        configuration.write(CRON)
    job = "SELECT cron.schedule('beat', '1 second', 'INSERT INTO beats DEFAULT VALUES')"
    with database.running():
        database.sql("CREATE EXTENSION pg_cron", "CREATE TABLE beats (at timestamptz DEFAULT now())", job)
        until(lambda: int(database.sql(BEATS)) > 1, 20)
    with database.running(*(f"--{name}={value}" for name, value in OVERRIDES.items())):
        workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_cron launcher'"
        assert database.sql(workers) == "1"
        before = database.sql(BEATS)
        time.sleep(3)
        assert database.sql(BEATS) == before
