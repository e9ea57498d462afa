"""`kubectl pgdb psql`: with which search_path a session begins, and that people are told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from kubectl_pgdb.__main__ import main
from kubectl_pgdb.activity import PINNED
from kubectl_pgdb.kubectl import Kubectl
from kubectl_pgdb.session import PLURAL
from tests.factory import database
from tests.unit.test_pgdb_commands import Fake

PINNING = "PGOPTIONS=-c search_path=pg_catalog,pg_temp"
INSIDE = ("exec", "service/orders", "--container=postgres", "--stdin")


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Give the commands that the plugin has become."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(Kubectl, "become", lambda _, *arguments: found.append(arguments))
    return found


def ran(monkeypatch: pytest.MonkeyPatch, *words: str, terminal: bool = False) -> Result:
    ends = SimpleNamespace(isatty=lambda: terminal)
    monkeypatch.setattr("kubectl_pgdb.commands.psql.sys", SimpleNamespace(stdin=ends, stderr=ends))
    return CliRunner().invoke(main, ["psql", "orders", *words], obj=Fake(**{PLURAL: database("orders")}))


def test_the_superusers_session_finds_nothing_of_the_owners_by_a_bare_name(
    became: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = ran(monkeypatch, "--", "-c", "SELECT 1")
    assert (done.exit_code, done.output) == (0, "")
    assert became == [(*INSIDE, "--", "env", PINNING, "psql", "--dbname=app", "-c", "SELECT 1")]


def test_the_application_keeps_its_own_search_path(
    became: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = ran(monkeypatch, "--app", terminal=True)
    assert (done.exit_code, done.output) == (0, "")
    assert became[0][: len(INSIDE)] == INSIDE
    assert "PGOPTIONS" not in str(became)


@pytest.mark.usefixtures("became")
def test_at_a_terminal_one_line_says_that_names_must_be_qualified(monkeypatch: pytest.MonkeyPatch) -> None:
    done = ran(monkeypatch, terminal=True)
    assert done.stdout == ""
    told = (
        "As the superuser search_path is pg_catalog, pg_temp: write public.orders for a table; or use --app."
    )
    assert done.stderr == f"{told}\n"


def test_what_top_asks_is_pinned_too() -> None:
    assert PINNED.startswith(f"{PINNING} ")
