"""When keddah looks into a server, and what is told of each entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from controller.observe.access.state import (
    Entry,
)
from controller.observe.state import ObservedState
from controller.plan.access.looks import Looks
from controller.plan.access.steps import todo
from controller.plan.outcome import Done
from controller.plan.step import Failure
from controller.report.access import ACCESS
from controller.report.finding import Subject
from schemas.api.types import PostgreSQLDatabase
from tests.servers import (
    ANALYST,
    EMPTY,
    MADE,
    NOW,
    READ,
    ROLE,
    declared,
    found,
    has,
    told_by_primary,
    with_lack,
)


def test_an_extension_waits_for_the_start_that_loads_its_library() -> None:
    db = declared(databases=[{"name": "app", "extensions": ["pg_cron"]}])
    contents = replace(EMPTY, available={"pg_cron": "1.6"})
    access = found(databases={"app": replace(MADE, contents=contents)})
    plan = todo(db, access)
    assert (plan.steps, plan.complaints) == ((), {})
    assert plan.pending == {
        Entry("databases", "app"): "extension pg_cron waits for the start that loads pg_cron"
    }
    seen = told_by_primary("a")
    looks = Looks().after(db, replace(seen, access=access), [], NOW)
    assert looks.due(db, seen, NOW + timedelta(seconds=5))
    started = todo(db, replace(access, loaded=frozenset({"pg_cron"})))
    assert [str(step.statement) for step in started.steps] == ["create extension pg_cron in app"]


def test_the_first_failure_of_an_entry_is_told_and_what_follows_from_it_is_not() -> None:
    db, seen = declared(roles=[ANALYST]), told_by_primary("a")
    failures = [
        Failure(Entry("roles", "analyst"), words) for words in ("out of memory", "it owns 21,000 tables")
    ]
    looks = Looks().after(db, replace(seen, access=found()), failures, NOW)
    assert list(looks.failures.values()) == ["out of memory"]
    # However much else changes in the server, it is not tried all the time.
    assert not looks.due(db, told_by_primary("b"), NOW + timedelta(seconds=29))


def test_a_database_with_nothing_changed_is_not_looked_into() -> None:
    db, seen = declared(roles=[ANALYST]), told_by_primary("a")
    looks = Looks()
    assert looks.due(db, seen, NOW)
    assert not looks.due(declared(), seen, NOW)
    looks = looks.after(db, replace(seen, access=found()), [], NOW)
    assert looks.due(db, seen, NOW)  # what was done is looked at again
    # What changes nothing, however often it is done, is not done all the time.
    fruitless = looks.after(db, replace(seen, access=found()), [], NOW)
    assert not fruitless.due(db, seen, NOW + timedelta(seconds=29))
    looks = looks.after(db, replace(seen, access=found(has("analyst"))), [], NOW)
    assert not looks.due(db, seen, NOW + timedelta(days=365))
    assert looks.due(db, told_by_primary("b"), NOW)
    assert looks.due(declared(roles=[ANALYST, {"name": "x"}]), seen, NOW)


def test_what_was_refused_is_told_and_tried_again_after_a_while() -> None:
    db, seen = declared(roles=[ANALYST]), told_by_primary("a")
    refused = Failure(Entry("roles", "analyst"), "create role analyst: no")
    around = replace(seen, access=found())
    looks = Looks().after(db, around, [refused], NOW)
    assert not looks.due(db, seen, NOW + timedelta(seconds=29))
    assert looks.due(db, seen, NOW + timedelta(seconds=30))
    [role] = report(db, looks.told(around))["roles"]
    assert role == {"name": "analyst", "applied": False, "message": "create role analyst: no"}
    [finding] = ACCESS.findings(Subject(db, looks.told(around), Done(), None))
    assert (finding.holds, finding.reason) == (False, "ProvisioningFailed")
    assert finding.message == "roles.analyst: create role analyst: no"


def test_until_a_role_is_as_declared_what_it_was_given_before_is_remembered() -> None:
    status = {"roles": [{"name": "analyst", "applied": True, "memberOf": ["app"], "grants": [READ]}]}
    db = declared(status, roles=[{**ANALYST, "memberOf": ["pg_monitor"]}])
    around = replace(told_by_primary("a"), access=found(has("analyst"), with_lack(public="app")))
    [role] = report(db, around)["roles"]
    assert (role["memberOf"], role["grants"]) == (["pg_monitor", "app"], [READ])
    state = replace(ROLE, groups=frozenset({"pg_monitor"}))
    # Without the former grant nothing is left to be done.
    ended = declared({"roles": [{"name": "analyst"}]}, roles=[{**ANALYST, "memberOf": ["pg_monitor"]}])
    [role] = report(ended, replace(around, access=found(has("analyst", state))))["roles"]
    assert role == {"name": "analyst", "applied": True, "memberOf": ["pg_monitor"]}


def report(db: PostgreSQLDatabase, around: ObservedState) -> dict[str, Any]:
    return dict(ACCESS.fields(Subject(db, around, Done(), None)))
