"""Any set of parameters that admission accepts leaves a database that survives the loss of its primary."""

from __future__ import annotations

import os

import pytest

from tests.databases import Database
from tests.laboratory.parameters import bear, make, take_back, trial

MAJOR = 18
SETS = 3
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
