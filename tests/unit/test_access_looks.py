"""When keddah looks into a server, and what is told of each entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.observe.access.state import (
    Entry,
)
from controller.observe.state import ObservedState
from controller.plan.access.looks import Looks
from controller.plan.access.steps import todo
from controller.plan.actions import Execute
from controller.plan.conclusion import Course, conclude
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.planner import plan
from controller.plan.step import Failure
from controller.plan.upgrade import Choice
from controller.plan.validation import Decision
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
from tests.states import intent


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
    assert not looks.due(db, seen, NOW + timedelta(seconds=29))


NO_SECRET = {"name": "reader", "password": {"secret": {"name": "none"}}}
REFUSED = Failure(Entry("roles", "analyst"), "create role analyst: no")


def planned(db: PostgreSQLDatabase, looks: Looks, around: ObservedState, now: datetime) -> list[str]:
    """Give the statements that a reconcile executes."""
    wish = replace(intent(db), accepted="{}")
    chosen = plan(wish, looks.told(db, around, now)).actions
    return [str(step.statement) for each in chosen if isinstance(each, Execute) for step in each.steps]


def test_while_one_is_refused_others_are_put_right_at_once_and_it_is_not_tried() -> None:
    db, seen = declared(roles=[ANALYST, {"name": "writer"}]), told_by_primary("a")
    both = replace(seen, access=found())
    assert planned(db, Looks(), both, NOW) == ["create role analyst", "create role writer"]
    # Others have changed something with it, which may be what it lacks: it is tried once more.
    looks = Looks().after(db, both, [REFUSED], NOW)
    assert (looks.next(both, NOW), looks.held(db, NOW)) == (NOW, frozenset())
    made = replace(seen, access=found(has("writer")))
    looks = looks.after(db, made, [REFUSED], NOW)
    later = NOW + timedelta(seconds=10)
    assert looks.next(made, NOW) == NOW + timedelta(seconds=30)
    assert not looks.due(db, seen, later)
    # Somebody drops the other one.
    news = told_by_primary("b")
    assert looks.due(db, news, later)
    dropped = replace(news, access=found())
    assert planned(db, looks, dropped, later) == ["create role writer"]
    looks = looks.after(db, dropped, [], later)
    assert looks.failures == {REFUSED.entry: REFUSED.words}
    assert looks.due(db, news, later)
    looks = looks.after(db, replace(news, access=found(has("writer"))), [], later)
    assert not looks.due(db, news, NOW + timedelta(seconds=29))
    assert looks.due(db, news, NOW + timedelta(seconds=30))
    assert planned(db, looks, dropped, NOW + timedelta(seconds=30)) == [
        "create role analyst",
        "create role writer",
    ]


def test_what_somebody_declares_is_tried_at_once_though_it_was_refused() -> None:
    db, seen = declared(roles=[ANALYST]), told_by_primary("a")
    around = replace(seen, access=found())
    looks = Looks().after(db, around, [REFUSED], NOW)
    other = declared(roles=[{**ANALYST, "connectionLimit": 3}])
    assert looks.due(other, seen, NOW)
    assert planned(other, looks, around, NOW) == ["create role analyst"]


def test_a_secret_that_has_come_is_used_at_the_next_look() -> None:
    db, seen = declared(roles=[NO_SECRET, ANALYST]), told_by_primary("a")
    looks = Looks().after(db, replace(seen, access=found()), [], NOW)
    assert looks.due(db, seen, NOW)
    made = replace(seen, access=found(has("analyst")))
    looks = looks.after(db, made, [], NOW)
    assert list(looks.failures) == [Entry("roles", "reader")]
    assert looks.next(made, NOW) == NOW + timedelta(seconds=30)
    come = replace(seen, access=found(has("analyst"), reader="secret"))
    assert planned(db, looks, come, NOW) == ["create role reader"]


def test_what_waits_for_standbys_does_not_wait_for_what_was_refused() -> None:
    seen = told_by_primary("a")
    db = declared(databases=[{"name": "app", "extensions": ["pg_cron"]}], roles=[ANALYST])
    contents = replace(EMPTY, available={"pg_cron": "1.6"})
    around = replace(seen, access=found(databases={"app": replace(MADE, contents=contents)}))
    looks = Looks().after(db, around, [REFUSED], NOW)
    looks = looks.after(db, around, [REFUSED], NOW)
    assert looks.next(around, NOW) == NOW + timedelta(seconds=5)
    assert planned(db, looks, around, NOW + timedelta(seconds=5)) == []


def test_where_nobody_can_be_asked_a_look_is_not_waited_for() -> None:
    db, seen = declared(roles=[ANALYST]), told_by_primary("a")
    around = replace(seen, access=found())
    looks = Looks().after(db, around, [REFUSED], NOW)
    assert looks.next(seen, NOW) == NOW + timedelta(seconds=30)
    assert looks.next(seen, NOW + timedelta(seconds=30)) is None
    assert Looks().next(around, NOW) is None


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
    [role] = report(db, looks.told(db, around, NOW))["roles"]
    assert role == {"name": "analyst", "applied": False, "message": "create role analyst: no"}
    [finding] = ACCESS.findings(Subject(db, looks.told(db, around, NOW), Done(), None))
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


def test_what_a_removal_would_do_is_noted_though_nobody_looks_into_the_server() -> None:
    status = {"databases": [{"name": "x", "reclaim": "Delete"}, {"name": "gone", "reclaim": "Delete"}]}
    asleep = declared(status, databases=[{"name": "x", "reclaim": "Retain"}], hibernated=True)
    noted = {
        each["name"]: each.get("reclaim", "Retain")
        for each in report(asleep, told_by_primary(""))["databases"]
    }
    assert noted == {"x": "Retain", "gone": "Delete"}


def report(db: PostgreSQLDatabase, around: ObservedState) -> dict[str, Any]:
    return dict(ACCESS.fields(Subject(db, around, Done(), None)))


@pytest.mark.parametrize(
    "planned", [Done(), Stalled("ProvisioningFailed", "", after=30), Waiting(30, "Paused", "")]
)
def test_nothing_else_that_is_waited_for_keeps_a_look_waiting(planned: Outcome) -> None:
    decision = Decision(declared(roles=[ANALYST]), "{}", None, ())
    course = Course(decision, Choice("image", "17.6"), planned)
    assert conclude(course, NOW) == planned
    assert conclude(replace(course, look=NOW), NOW) == replace(planned, after=1)
    assert conclude(replace(course, look=NOW + timedelta(seconds=5)), NOW) == replace(planned, after=5)
    assert conclude(replace(course, look=NOW + timedelta(seconds=40)), NOW).after in (30, 40)
