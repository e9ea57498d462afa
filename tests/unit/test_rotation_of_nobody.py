"""A request for new passwords that names no role behind its "/" is of no role, and not of all of them."""

from __future__ import annotations

import pytest

from schemas.rules.requests import names_nobody, rotated
from tests.servers import KEYS
from tests.unit.test_password_rotation import after, declared


@pytest.mark.parametrize("value", ["b/", "b/,", "b/ ", "/"])
def test_nothing_rotates_where_no_admission_server_refused_it(value: str) -> None:
    assert names_nobody(value)
    assert after(declared(value, roles=[{"name": "analyst"}]), KEYS, {}) == {}


@pytest.mark.parametrize(
    ("value", "named"), [("b", ()), ("b/app", ("app",)), ("b/app, reader,", ("app", "reader"))]
)
def test_all_are_meant_without_a_slash_and_others_by_name(value: str, named: tuple[str, ...]) -> None:
    assert not names_nobody(value)
    assert rotated(value) == ("b", named)
