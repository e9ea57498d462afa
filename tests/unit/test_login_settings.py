"""Who logs in by a role's second login finds the settings that the role has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.certificates.keys import DatabaseKeys
from controller.plan.access.parameters import copied
from controller.plan.access.steps import todo
from tests.servers import ROLE, has, statements
from tests.unit.test_password_rotation import ANALYST, BECOMES, MEMBER, declared, keys, second, server

OF = "postgres: ALTER ROLE"


def with_settings(*lines: str, **within: str) -> Any:  # noqa: ANN401 - a changed state of the factory's type
    """Give a role with these settings; keywords are settings in one database."""
    return {"settings": frozenset(lines), "settings_in": frozenset(within.items())}


def analyst(*lines: str, **within: str) -> dict[str, Any]:
    """Give the first login with settings."""
    return has("analyst", replace(ROLE, **with_settings(*lines, **within)))


def planned(at: DatabaseKeys, *roles: dict[str, Any]) -> list[str]:
    """Give the statements for these roles."""
    known = {name: state for each in roles for name, state in each.items()}
    return statements(todo(declared(roles=[ANALYST]), server(at, known)))


def test_a_second_login_is_made_with_the_settings_of_the_first() -> None:
    first = analyst("work_mem=64MB", 'search_path="Sales, old", public', shop="statement_timeout=5s")
    assert planned(keys(upcoming=True), first) == [
        'postgres: CREATE ROLE "analyst_b" LOGIN',
        MEMBER,
        BECOMES,
        f"{OF} \"analyst_b\" SET \"search_path\" = 'Sales, old', 'public'",
        f'{OF} "analyst_b" SET "work_mem" = \'64MB\'',
        f'{OF} "analyst_b" IN DATABASE "shop" SET "statement_timeout" = \'5s\'',
    ]


@pytest.mark.parametrize(
    ("first", "of_second", "expected"),
    [
        (analyst("work_mem=64MB"), ("role=analyst", "work_mem=64MB"), []),
        (analyst("work_mem=64MB"), ("role=analyst", "work_mem=1MB"), ["SET \"work_mem\" = '64MB'"]),
        (analyst(), ("role=analyst", "work_mem=64MB"), ['RESET "work_mem"']),
        # A list that was written by hand is the one that quoting makes of it.
        (analyst('search_path="$user",Public'), ("role=analyst", 'search_path="$user", public'), []),
        (analyst("search_path="), ("role=analyst", 'search_path=""'), []),
        # What a user has their role's sessions be stays theirs, and keddah's stays keddah's.
        (analyst("role=owners"), ("role=analyst",), []),
    ],
)
def test_what_differs_is_set_and_what_is_not_there_is_reset(
    first: dict[str, Any], of_second: tuple[str, ...], expected: list[str]
) -> None:
    held = second(1, settings=frozenset(of_second))
    assert planned(keys(1), first, held) == [f'{OF} "analyst_b" {each}' for each in expected]


def test_settings_of_one_database_are_of_that_one_only() -> None:
    held = second(1, settings_in=frozenset({("shop", "work_mem=1MB"), ("old", "work_mem=1MB")}))
    assert planned(keys(1), analyst(shop="work_mem=2MB"), held) == [
        f'{OF} "analyst_b" IN DATABASE "old" RESET "work_mem"',
        f'{OF} "analyst_b" IN DATABASE "shop" SET "work_mem" = \'2MB\'',
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("app.tenant=o'neill", "SET \"app\".\"tenant\" = 'o''neill'"),
        ("DateStyle=ISO, DMY", "SET \"DateStyle\" = 'ISO, DMY'"),
        ('x"; DROP=1', 'SET "x""; DROP" = \'1\''),
        ('search_path="a""b"', 'SET "search_path" = \'a"b\''),
        # No list that PostgreSQL would have stored: as it is, so that it is refused as it was.
        ('search_path="a', 'SET "search_path" = \'"a\''),
        ('session_preload_libraries="Lib", auto_explain', "= 'Lib', 'auto_explain'"),
    ],
)
def test_names_and_values_are_quoted(line: str, expected: str) -> None:
    (step,) = copied("analyst_b", analyst(line)["analyst"], None)
    (text,) = (each.as_string() for each in step.render())
    assert text.endswith(expected)


def test_no_value_is_told_in_a_log() -> None:
    (step,) = copied("analyst_b", analyst("app.token=hunter2")["analyst"], None)
    assert str(step) == "set app.token of analyst_b"
    assert "hunter2" not in repr(step)
