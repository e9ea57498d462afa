from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.postgresql import identifiers

ALLOWED = "use letters, digits, _ and -, with a letter or _ first"


@pytest.mark.parametrize("name", ["app", "_x", "über", "Orders", "my-app", "a$b", "a" * 63, "ü" * 31, "名前"])
def test_what_needs_no_quoting_in_connection_strings_is_a_name(name: str) -> None:
    assert identifiers.problem(name, "role") is None
    assert identifiers.problem(name, "database") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", f"must not be empty; {ALLOWED}"),
        ('a"b', rf'must not contain "\""; {ALLOWED}'),
        ("a'b", f'must not contain "\'"; {ALLOWED}'),
        ("a b", f'must not contain " "; {ALLOWED}'),
        ("a\nb", rf'must not contain "\n"; {ALLOWED}'),
        ("a\0", rf'must not contain "\u0000"; {ALLOWED}'),
        ("1a", f'must not start with "1"; {ALLOWED}'),
        ("-a", f'must not start with "-"; {ALLOWED}'),
        ("a" * 64, "is 64 bytes long; PostgreSQL keeps only 63"),
        ("ü" * 32, "is 64 bytes long; PostgreSQL keeps only 63"),
        ("select", "is a reserved word of SQL; choose another name"),
        ("User", "is a reserved word of SQL; choose another name"),
    ],
)
@pytest.mark.parametrize("kind", ["role", "database"])
def test_what_is_no_name_says_why(name: str, message: str, kind: Literal["role", "database"]) -> None:
    assert identifiers.problem(name, kind) == message


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("pg_app", "role", "starts with pg_, which PostgreSQL keeps for its own roles; choose another name"),
        ("postgres", "role", "is the superuser, which keddah owns; choose another name"),
        (
            "replicator",
            "role",
            "is the role that standbys replicate with, which keddah owns; choose another name",
        ),
        (
            "postgres",
            "database",
            "is the maintenance database that every server has; choose another name",
        ),
        ("template1", "database", "is a template that every server has; choose another name"),
        ("replication", "database", "means replication in pg_hba.conf; choose another name"),
    ],
)
def test_names_that_others_own_are_refused(
    name: str, kind: Literal["role", "database"], message: str
) -> None:
    assert identifiers.problem(name, kind) == message


def test_a_database_may_start_as_system_roles_do() -> None:
    assert identifiers.problem("pg_app", "database") is None


@pytest.mark.parametrize("name", ["Orders", "my-app", "a$b"])
def test_a_name_that_sql_must_quote_gets_a_warning(name: str) -> None:
    assert identifiers.warning(name) == f'SQL must write it in double quotes: "{name}"'


def test_a_plain_name_gets_no_warning() -> None:
    assert identifiers.warning("app_1") is None


@settings(max_examples=100)
@given(st.text(max_size=70))
def test_an_accepted_name_fits_into_the_server(name: str) -> None:
    if identifiers.problem(name) is None:
        assert 0 < len(name.encode()) <= identifiers.LONGEST
        assert name.isprintable()
        assert not set(name) & set("\"'\\ @:/,#+")
