"""What users configure for sessions does not reach Patroni's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from controller.sessions import ANY_ROLE, SUPERUSERS, options
from deploy.images.patroni.session import pinned

EMPTY_LISTS = ("local_preload_libraries", "session_preload_libraries")
"""In SQL an empty list of names is one with an empty name, a library that nobody finds."""
FILES = Path(__file__).parents[2] / "deploy" / "images" / "postgres"


def connected(**settings: Any) -> dict[str, Any]:  # noqa: ANN401 - as psycopg
    found: dict[str, Any] = {}
    pinned(lambda **given: found.update(given))(**settings)
    return found


def test_the_search_path_is_pinned_before_all_else() -> None:
    assert options(superuser=False).startswith("-c search_path=pg_catalog,pg_temp ")


def test_a_blank_in_a_value_is_escaped() -> None:
    assert r"-c default_transaction_isolation=read\ committed -c" in options(superuser=True)


def test_what_patroni_asks_for_itself_comes_last_and_wins() -> None:
    found = connected(user="postgres", host="/run/postgresql", options="-c statement_timeout=2000")
    assert found["host"] == "/run/postgresql"
    assert found["options"].index("statement_timeout=0") < found["options"].index("statement_timeout=2000")


@pytest.mark.parametrize(("user", "superuser"), [({}, True), ({"user": "replicator"}, False)])
def test_only_a_superuser_sets_what_only_superusers_may(user: dict[str, str], *, superuser: bool) -> None:
    found = connected(**user)["options"]
    assert all((f"-c {name}=" in found) is superuser for name in SUPERUSERS)


def test_the_replication_role_has_the_same_settings_for_tools() -> None:
    script = (FILES / "post-bootstrap.sql").read_text()
    given = dict(re.findall(r"^ALTER ROLE replicator SET (\w+) (.+);$", script, re.MULTILINE))
    pins = {name: value for name, value in (ANY_ROLE | SUPERUSERS).items() if name != "role"}
    wanted = {name: f"= '{value}'" for name, value in pins.items()} | {
        "search_path": "= pg_catalog, pg_temp",
        **dict.fromkeys(EMPTY_LISTS, "FROM CURRENT"),
    }
    assert given == wanted


@pytest.mark.parametrize("name", EMPTY_LISTS)
def test_the_bootstrap_itself_has_no_library_that_the_replication_role_could_get(name: str) -> None:
    assert re.search(rf"-c {name}=[\s']", (FILES / "keddah-post-bootstrap").read_text())


def test_the_bootstrap_has_what_could_stop_it_pinned() -> None:
    script = (FILES / "keddah-post-bootstrap").read_text()
    given = dict(re.findall(r"-c (\w+)=(\S*?(?:\\ \S+)?)(?=[\s'])", script))
    known = ANY_ROLE | SUPERUSERS
    assert given == {name: known[name].replace(" ", r"\ ") for name in given}
    assert {"search_path", "default_transaction_read_only", "event_triggers", "role"} <= given.keys()
