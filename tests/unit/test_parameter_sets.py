"""The drawn sets of parameters are as unkind as they say."""

from __future__ import annotations

import pytest

from schemas.postgresql.parameters.reserved import REASONS
from schemas.postgresql.parameters.table import known
from tests.parameter_sets import RESOURCES, accepted, seeded, statements

SEEDS = range(300)


@pytest.mark.parametrize("major", [17, 18])
def test_every_parameter_that_users_may_set_is_in_some_set(major: int) -> None:
    rows = (known(major) or {}).values()
    ours = {row.name for row in rows if row.name.lower() not in REASONS and row.context != "internal"}
    drawn: set[str] = set()
    for seed in SEEDS:
        if ours <= drawn:
            break
        drawn |= accepted(seeded(seed), major, resources=RESOURCES).keys()
    assert ours - drawn == set()
    assert {row.context for row in rows if row.name in drawn} >= {"postmaster", "sighup", "superuser", "user"}


def test_a_seed_gives_the_same_set_again() -> None:
    assert accepted(seeded(7), 18) == accepted(seeded(7), 18)
    assert statements(seeded(7), 18) == statements(seeded(7), 18)
