"""What databases ask for of extensions: what the image has, and what the server must be started with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.desired.instances.parameters import parameters
from schemas.admit import admit
from schemas.policy.extensions import available
from schemas.policy.policy import PolicyError, parse
from tests import factory

NOW = datetime(2026, 11, 23, tzinfo=UTC)
POLICY = parse(
    """\
catalogue:
  - version: "17.6"
    image: postgres
    extensions:
      pg_cron: {version: "1.6", others: ["1.5", "1.4-1"], schema: pg_catalog}
      pg_stat_statements: {version: "1.11", others: ["1.10", "1.9"]}
      pg_trgm: {version: "1.6"}
      pgaudit: {version: "17.1"}
      vector: {version: "0.8.0"}
  - {version: "17.7", image: postgres, extensions: {vector: {version: "0.8.1", others: ["0.8.0"]}}}
  - {version: "18.1", image: postgres}
defaultVersion: "17.6"
"""
)
NEAREST = "vector, pg_cron, pg_stat_statements, pg_trgm or pgaudit"
HAS = "pg_cron, pg_stat_statements, pg_trgm, pgaudit or vector"


def databases(*extensions: Any, **more: list[Any]) -> list[dict[str, Any]]:  # noqa: ANN401
    """Give `app` with these extensions, and further databases by name."""
    named = {"app": list(extensions), **more}
    return [{"name": name, "extensions": wanted} for name, wanted in named.items()]


def refused(new: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """Give what is said against a spec, as a change of another if there is one."""
    stored = None if old is None else factory.complete_database(**{"version": "17.6"} | old)
    given = factory.complete_database(**{"version": "17.6"} | new)
    return [str(each) for each in admit(given, stored, policy=POLICY, now=NOW).violations]


def warned(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Give what is said of a change."""
    stored, given = (factory.complete_database(**{"version": "17.6"} | each) for each in (old, new))
    verdict = admit(given, stored, policy=POLICY, now=NOW)
    assert verdict.accepted
    return list(verdict.warnings)


def given(*extensions: Any, settings: dict[str, str] | None = None, **more: list[Any]) -> dict[str, str]:  # noqa: ANN401
    """Give those of a server's parameters that are about libraries."""
    spec = {"databases": databases(*extensions, **more), "parameters": settings or {}}
    found = parameters(factory.typed_database(**spec))
    return {name: value for name, value in found.items() if "preload" in name or name.startswith("cron.")}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["vector", {"name": "pg_trgm", "version": "1.6", "schema": "search"}], []),
        ([{"name": "pg_stat_statements", "version": "1.9"}, "pg_cron"], []),
        (
            ["vektor"],
            [f'extensions[0]: got "vektor"; must be what the image of 17.6 has: {NEAREST}'],
        ),
        (
            ["vector", {"name": "postgis"}],
            [f'extensions[1]: got "postgis"; must be what the image of 17.6 has: {HAS}'],
        ),
        (
            [{"name": "pg_stat_statements", "version": "2.0"}],
            ['extensions[0].version: got "2.0"; must be "1.11", "1.10" or "1.9"'],
        ),
        (
            [{"name": "pg_cron", "schema": "jobs"}],
            ['extensions[0].schema: got "jobs"; pg_cron is always in pg_catalog; leave it out'],
        ),
    ],
)
def test_only_what_the_image_has_can_be_asked_for(wanted: list[Any], said: list[str]) -> None:
    assert refused({"databases": databases(*wanted)}) == [f"spec.databases[0].{each}" for each in said]


def test_a_policy_that_does_not_say_what_its_image_has_accepts_everything_with_a_warning() -> None:
    wanted = {"version": "18.1", "databases": databases("anything", "pgaudit", "timescaledb")}
    verdict = admit(factory.complete_database(**wanted), policy=POLICY, now=NOW)
    assert verdict.accepted
    (warning,) = (each for each in verdict.warnings if each.startswith("spec.databases"))
    assert "timescaledb: keddah's own image lacks it; without it PostgreSQL does not start" in warning


def test_what_was_accepted_stays_until_the_image_is_another() -> None:
    before = {"databases": databases("postgis")}
    assert refused({"databases": databases("postgis", "vector")}, before) == []
    (said,) = refused({"databases": databases("postgis"), "version": "17.7"}, before)
    assert (
        said == 'spec.databases[0].extensions[0]: got "postgis"; must be what the image of 17.7 has: vector'
    )


def test_one_database_alone_has_the_scheduler() -> None:
    (said,) = refused({"databases": databases("pg_cron", reports=["vector", "pg_cron"])})
    assert said == (
        'spec.databases[1].extensions[1]: got "pg_cron"; only one database can have it, and "app" asks for it'
    )
    wanted = {"databases": databases("pg_cron"), "parameters": {"Cron.database_name": "postgres"}}
    said = 'got "postgres"; must be "app", which asks for pg_cron; leave it out'
    assert refused(wanted) == [f'spec.parameters["Cron.database_name"]: {said}']


def test_nothing_is_preloaded_that_nobody_asks_for() -> None:
    assert given("vector", "pg_trgm") == {}
    own = {"shared_preload_libraries": "auto_explain"}
    assert given("vector", settings=own) == own


def test_libraries_are_loaded_in_one_order_whoever_asks_for_them() -> None:
    assert given("pgaudit", reports=["pg_stat_statements", {"name": "pgaudit"}]) == {
        "shared_preload_libraries": "pg_stat_statements,pgaudit"
    }


def test_the_users_own_libraries_come_first_and_none_twice() -> None:
    own = {"Shared_Preload_Libraries": '"auto_explain", $libdir/pgaudit'}
    assert given("pg_stat_statements", "pgaudit", settings=own) == {
        "shared_preload_libraries": '"auto_explain", $libdir/pgaudit,pg_stat_statements'
    }


def test_jobs_run_in_the_database_that_asks_without_a_password() -> None:
    assert given(reports=["pg_cron"]) == {
        "shared_preload_libraries": "pg_cron",
        "cron.database_name": "reports",
        "cron.use_background_workers": "on",
    }
    asked = given("pg_cron", settings={"cron.use_background_workers": "off"})
    assert asked["cron.use_background_workers"] == "off"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            {},
            {"databases": databases("pg_stat_statements", "vector")},
            ["databases: pg_stat_statements preloaded: "],
        ),
        (
            {"databases": databases("pg_cron")},
            {"databases": databases(reports=["pg_cron"])},
            ["databases: cron.database_name app -> reports: "],
        ),
        (
            {"databases": databases("pg_cron", "vector")},
            {"databases": databases("pgaudit", "pg_trgm")},
            ["databases: pgaudit preloaded: ", "databases: pg_cron not preloaded any more: "],
        ),
        (
            {},
            {"databases": databases("pg_cron", "pgaudit", "pg_stat_statements")},
            ["databases: pg_stat_statements, pgaudit and pg_cron preloaded: "],
        ),
        ({"databases": databases("vector")}, {"databases": databases("pg_trgm")}, []),
        (
            {"databases": databases("pgaudit")},
            {"databases": databases(reports=["pgaudit"]), "parameters": {"work_mem": "8MB"}},
            [],
        ),
    ],
)
def test_a_restart_is_told_before_it_comes(old: dict[str, Any], new: dict[str, Any], said: list[str]) -> None:
    found = [each for each in warned(new, old) if each.startswith("databases: ")]
    assert found == [f"{each}the only instance restarts, its connections are closed" for each in said]


def test_the_image_says_which_extensions_it_has_in_which_version() -> None:
    found = {version: available(POLICY, version) for version in ("17.6", "17", "18", "19")}
    assert found["17.6"] is not None
    assert found["17"] is not None
    assert (found["17.6"]["vector"].version, found["17"]["vector"].version) == ("0.8.0", "0.8.1")
    assert "pg_cron" not in found["17"]
    # Nobody says of 18 what it has, and there is no 19.
    assert (found["18"], found["19"]) == (None, None)


def test_a_catalogue_that_says_it_wrong_is_refused() -> None:
    entry = '{version: "17.6", image: x, extensions: {vector: {version: 0.8, othrs: []}}}'
    with pytest.raises(PolicyError) as raised:
        parse(f'catalogue: [{entry}]\ndefaultVersion: "17"')
    found = str(raised.value).splitlines()
    where = "catalogue[0].extensions.vector"
    right = 'must be an extension\'s version in quotes, such as "1.6"'
    assert found == [
        f"{where}.version: got 0.8; {right}",
        f"{where}.othrs: got []; is not a known field; did you mean others?",
    ]
