"""Any set of parameters that admission accepts leaves a database that survives the loss of its primary."""

from __future__ import annotations

import json
import os

import pytest

from schemas.postgresql.parameters.check import number
from tests.clusters import POLL
from tests.databases import Database
from tests.laboratory.parameters import bear, make, take_back, trial
from tests.waiting import until

MAJOR = 18
SETS = 3
SETTINGS = "SELECT json_object_agg(name, setting) FROM pg_settings WHERE vartype IN ('integer', 'real')"
MANY_PROCESSORS = {"limits": {"cpu": "32", "memory": "512Mi"}, "requests": {"cpu": "100m"}}
SEED = "KEDDAH_PARAMETERS_SEED"
"""Of the first set; the same ones are tried in each run, many others by `tests.laboratory.parameters`."""


@pytest.mark.minutes(2)
def test_a_database_survives_whatever_parameters_admission_accepts(database: Database) -> None:
    first = int(os.environ.get(SEED, "1"))
    make(database, MAJOR)
    for seed in range(first, first + SETS):
        given = trial(seed, MAJOR)
        print(f"{SEED}={seed}: {given}")
        bear(database, given)
    take_back(database)


@pytest.mark.parametrize("major", [17, 18])
def test_what_is_derived_is_in_force_and_the_users_value_wins(database: Database, major: int) -> None:
    database.apply(version=str(major), resources={"limits": {"memory": "512Mi"}}, replicas=1).expect()
    database.settled()
    assert "max_worker_processes" not in agreed(database, major)
    database.change(resources=MANY_PROCESSORS, parameters={"work_mem": "5MB"})
    database.settled()
    derived = agreed(database, major)
    assert derived["max_worker_processes"] == "40"
    assert derived["autovacuum_max_workers"] == "8"
    assert "work_mem" not in derived
    assert database.superuser(database.primary(), "SHOW work_mem") == "5MB"
    database.delete()


def agreed(database: Database, major: int) -> dict[str, str]:
    """Give what the status says is derived, once the server has all of it."""

    def there() -> dict[str, str]:
        answer = database.execute(database.primary(), "psql", "-XAtc", SETTINGS)
        in_force: dict[str, str] = json.loads(answer.out or "{}")
        derived: dict[str, str] = database.status()["parameters"]
        same = all(float(in_force.get(n, -1)) == number(n, value, major) for n, value in derived.items())
        return derived if same else {}

    return until(there, 60, database.story, POLL)
