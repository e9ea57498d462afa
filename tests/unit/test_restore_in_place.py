"""A restore in place, stage by stage: what is refused, what stops, what stays, and that it is done once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from controller.kube.objects import Manifest
from controller.observe.backups.record import Record
from controller.observe.identity import IDENTIFIER
from controller.observe.instances.instance import Instance
from controller.observe.restore.past import RESTORED_TO
from controller.observe.state import Leadership, Node, ObservedState
from controller.plan.actions import Apply, Delete, Switchover, Uninitialize
from controller.plan.outcome import Stalled
from controller.plan.planner import plan
from controller.plan.restore.in_place import RESTORE_TO, STAGE
from controller.plan.situation import Intent
from controller.protocol.results import Contents, Result
from controller.protocol.settings import REQUEST, Reason, RestoreRequest
from controller.report.primaries import followed
from schemas.api.backup import Backups
from schemas.api.types import decode
from schemas.rules.requests import FORMER
from tests.factory import complete_database
from tests.runs import ARCHIVE, settings
from tests.states import NEW, claim, intent, members, observed, pod

KNOWN = ARCHIVE.rpartition("-")[2]
TO = "2026-11-29T10:00:00Z"
SEEN = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
ASIDE = "before-20261129-123000"
HELD = Contents(backups=1, oldest_restorable="2026-11-29T09:00:00Z")
NEWEST = "2026-11-29T11:00:00Z"


def wish(to: str = TO, **spec: Any) -> Intent:  # noqa: ANN401
    manifest = complete_database(**{"backupSchedule": "0 2 * * *", "replicas": 3, **spec})
    manifest["metadata"]["annotations"] = {RESTORE_TO: to} if to else {}
    manifest["status"] = {"backups": {"newestRestorableTime": NEWEST}, "currentVersion": "17.6"}
    return intent(decode(manifest))


def world(instances: tuple[Instance, ...] | None = None, **changes: Any) -> ObservedState:  # noqa: ANN401
    """Give a database of three instances that has backups, with every child written."""
    whole = members(3) if instances is None else instances
    around = observed(whole, claims=tuple(claim(n) for n in range(3)), seen=SEEN)
    lead = replace(around.leadership, identifier=KNOWN, last_primary="orders-0", initialized=True)
    told = settings(record=Record(archive=ARCHIVE, contents=HELD))
    around = replace(around, leadership=lead, children={"ConfigMap": {"orders-backup": told}})
    return replace(written(wish(""), around), **changes)


def written(want: Intent, around: ObservedState) -> ObservedState:
    """Carry out all writes of a plan, and have the StatefulSet seen by its controller."""
    for _ in range(3):
        kinds = {kind: dict(found) for kind, found in around.children.items()}
        for action in plan(want, around).actions:
            if isinstance(action, Apply):
                manifest = action.manifest
                manifest["metadata"] |= {"uid": f"uid-{manifest['metadata']['name']}", "resourceVersion": "1"}
                kinds.setdefault(manifest["kind"], {})[manifest["metadata"]["name"]] = manifest
        live = kinds["StatefulSet"]["orders"]
        live["metadata"]["generation"] = 1
        live["status"] = {"observedGeneration": 1, "updateRevision": NEW}
        around = replace(around, children=kinds)
    return around


def request(around: ObservedState) -> RestoreRequest:
    return RestoreRequest.read(around.children["ConfigMap"]["orders-restore"]["data"][REQUEST])


def replicas(around: ObservedState) -> int:
    return int(around.children["StatefulSet"]["orders"]["spec"]["replicas"])


def notes(manifest: Manifest) -> dict[str, str]:
    found: dict[str, str] = manifest["metadata"].get("annotations") or {}
    return found


def begun(to: str = TO) -> ObservedState:
    """Give the state in which the request is written."""
    return written(wish(to), world())


def stopped(to: str = TO, around: ObservedState | None = None) -> ObservedState:
    """Give the state in which the last instance has stopped."""
    alone = replace(around or begun(to), instances=members(1))
    return replace(written(wish(to), alone), instances=())


def without_notes(around: ObservedState) -> ObservedState:
    return replace(around, leadership=Leadership())


def started(to: str = TO, around: ObservedState | None = None, **first: Any) -> ObservedState:  # noqa: ANN401
    """Give the state in which the first instance runs again."""
    ready = written(wish(to), without_notes(around or stopped(to)))
    return replace(ready, instances=(replace(pod(0, ready=False, streaming=False), **first),))


def ended(to: str = TO, mark: str = ASIDE) -> ObservedState:
    first = replace(pod(0, "primary"), replaced=mark)
    lead = Leadership("orders-0", identifier=KNOWN, initialized=True)
    return replace(started(to), instances=(first,), leadership=lead)


@pytest.mark.parametrize(
    ("to", "spec", "words"),
    [
        (TO, {"deletionProtection": True}, "deletionProtection"),
        (TO, {"backupSchedule": ""}, "no backups"),
        ("yesterday", {}, '"yesterday"'),
        ("2026-11-29T08:59:59Z", {}, "2026-11-29T09:00:00Z to 2026-11-29T11:00:00Z"),
        ("2026-11-29T11:00:01Z", {}, "2026-11-29T09:00:00Z to 2026-11-29T11:00:00Z"),
        (FORMER, {}, "no data was set aside"),
    ],
)
def test_what_is_refused_changes_nothing(to: str, spec: dict[str, Any], words: str) -> None:
    before = written(wish("", **spec), world())
    around = written(wish(to, **spec), before)
    outcome = plan(wish(to, **spec), around).outcome
    assert isinstance(outcome, Stalled)
    assert outcome.reason == "RestoreRefused"
    assert words in outcome.message
    assert "not tried again" in outcome.message
    assert replicas(around) == replicas(before)
    assert set(around.children["ConfigMap"]) == set(before.children["ConfigMap"])


def test_what_could_not_be_stopped_is_not_begun() -> None:
    there = replace(members(3)[2], node="node-3")
    nodes = {"node-3": Node(ready=False, cordoned=False)}
    away = world((*members(3)[:2], there), nodes=nodes)
    outcome = plan(wish(), written(wish(), away)).outcome
    assert outcome.reason == "RestoreRefused"
    assert "orders-2 is on node-3, which is not ready" in outcome.message
    assert replicas(away) == 3


def test_what_was_refused_does_not_begin_later_by_itself() -> None:
    late, now = "2026-11-29T11:00:01Z", wish("2026-11-29T11:00:01Z")
    told = written(now, world())
    # Meanwhile its moment was archived.
    reached = structs.replace(now.db.status, backups=Backups(newest_restorable_time="2026-11-29T12:00:00Z"))
    later = replace(now, db=structs.replace(now.db, status=reached))
    around = written(later, told)
    assert "orders-restore" not in around.children["ConfigMap"]
    assert "to 2026-11-29T11:00:00Z" in plan(later, around).outcome.message
    # Taken back, and asked for once more.
    nothing = replace(later, db=structs.replace(later.db, metadata=wish("").db.metadata))
    again = written(later, written(nothing, around))
    assert notes(again.children["ConfigMap"]["orders-restore"])[RESTORE_TO] == late


def test_a_refusal_does_not_forget_what_was_carried_out() -> None:
    want = wish("2026-11-29T08:00:00Z")
    around = written(want, settled_after({"to": TO, "aside": "before-1", "at": "2026-11-29T12:00:00Z"}))
    noted = json.loads(notes(around.children["StatefulSet"]["orders"])[RESTORED_TO])
    assert (noted["to"], noted["aside"], noted["refused"]) == (TO, "before-1", "2026-11-29T08:00:00Z")
    assert not [a for a in plan(wish(), around).actions if "orders-restore" in str(a)]
    assert request(written(wish(FORMER), around)).back


@pytest.mark.parametrize(("room", "refused"), [(100, True), (800, False), (1000, False), (0, False)])
def test_what_has_no_room_beside_the_former_data_is_refused(room: int, refused: bool) -> None:  # noqa: FBT001
    around = world(tuple(replace(each, room=room) for each in members(3)))
    large = replace(HELD, database_bytes=1000 << 20)
    told = settings(record=Record(archive=ARCHIVE, contents=large))
    kinds = {**around.children, "ConfigMap": {**around.children["ConfigMap"], "orders-backup": told}}
    after = written(wish(), replace(around, children=kinds))
    assert ("orders-restore" not in after.children["ConfigMap"]) is refused
    if refused:
        outcome = plan(wish(), after).outcome
        assert "1000 MiB" in outcome.message
        assert "100 MiB free: increase spec.storage.size" in outcome.message


def test_the_request_comes_first_and_then_all_but_the_first_stop() -> None:
    before = world()
    names = [str(a) for a in plan(wish(), before).actions if isinstance(a, Apply)]
    assert names == ["apply ConfigMap orders-restore"]
    after = begun()
    asked = request(after)
    assert (asked.time, asked.aside, asked.back, asked.source.archive) == (TO, ASIDE, False, ARCHIVE)
    assert replicas(after) == 1


def test_another_primary_hands_over_to_the_first() -> None:
    around = replace(world(members(3, primary=2)))
    both = frozenset({"orders-0", "orders-1"})
    lead = replace(around.leadership, last_primary="orders-2", synchronous=both)
    around = written(wish(), replace(around, leadership=lead))
    assert replicas(around) == 3
    (switch,) = [a for a in plan(wish(), around).actions if isinstance(a, Switchover)]
    assert (switch.leader, switch.candidate) == ("orders-2", "orders-0")


def test_the_first_stops_when_it_is_the_only_one_and_primary() -> None:
    two = replace(begun(), instances=members(2))
    assert replicas(written(wish(), two)) == 1
    led_elsewhere = replace(two, instances=(pod(0),), leadership=replace(two.leadership, holder=None))
    assert replicas(written(wish(), led_elsewhere)) == 1
    assert replicas(stopped()) == 0


def test_patronis_notes_go_when_nothing_runs_and_do_not_come_back() -> None:
    (action,) = [a for a in plan(wish(), stopped()).actions if isinstance(a, Uninitialize)]
    assert dict(action.state)["orders-config"] == ("initialize", "history")
    ready = written(wish(), without_notes(stopped()))
    assert replicas(ready) == 1
    assert notes(ready.children["ConfigMap"]["orders-restore"])[STAGE] == "start"
    assert notes(ready.children["StatefulSet"]["orders"])[IDENTIFIER] == KNOWN
    assert not [a for a in plan(wish(), ready).actions if not isinstance(a, Apply)]


def test_an_object_that_is_made_again_in_the_midst_goes_on() -> None:
    before = started()
    kept = {
        name: manifest
        for name, manifest in before.children["ConfigMap"].items()
        if not manifest["metadata"].get("ownerReferences")
    }
    assert "orders-restore" in kept
    left = replace(before, instances=(), children={"ConfigMap": kept}, leadership=Leadership())
    made = complete_database(backupSchedule="0 2 * * *", replicas=3)
    made["metadata"]["uid"] = "another"
    again = intent(decode(made))
    after = written(again, left)
    assert replicas(after) == 1
    assert notes(after.children["ConfigMap"]["orders-restore"])[STAGE] == "start"
    assert request(after) == request(before)
    # The repository serves: it is read from there.
    assert after.children["StatefulSet"]["orders-repository"]["spec"]["replicas"] == 1
    assert plan(again, after).outcome.reason == "Restoring"


def test_progress_and_failure_are_told() -> None:
    told = plan(wish(), started(restoring="37 % of the files")).outcome
    assert (told.reason, told.message) == ("Restoring", "orders-0: 37 % of the files")
    failed = Result("restore", "a", "b", Reason.NO_ROOM, "no space").text()
    told = plan(wish(), started(last_words=failed)).outcome
    assert told.reason == "RestoreFailing"
    assert "NoRoom" in told.message


def test_one_that_started_without_restoring_is_not_taken_for_restored() -> None:
    around = written(wish(), ended(mark=""))
    assert RESTORED_TO not in notes(around.children["StatefulSet"]["orders"])
    assert replicas(around) == 1


def test_it_is_noted_twice_and_the_others_come_and_it_is_not_done_again() -> None:
    around = written(wish(), ended())
    for manifest in (around.children["StatefulSet"]["orders"], around.children["ConfigMap"]["orders-backup"]):
        at = f"{SEEN:%Y-%m-%dT%H:%M:%SZ}"
        assert json.loads(notes(manifest)[RESTORED_TO]) == {"to": TO, "aside": ASIDE, "at": at}
    # When that was stays, too.
    later = written(wish(), replace(around, seen=SEEN + timedelta(minutes=1)))
    assert notes(later.children["StatefulSet"]["orders"])[RESTORED_TO] == notes(manifest)[RESTORED_TO]
    assert replicas(around) == 3
    gone = [action.name for action in plan(wish(), around).actions if isinstance(action, Delete)]
    assert gone == ["orders-restore"]
    # The annotation stays, as a GitOps tool would have it; so it does when the StatefulSet is made anew.
    kinds = {kind: dict(found) for kind, found in around.children.items()}
    del kinds["ConfigMap"]["orders-restore"]
    del kinds["StatefulSet"]["orders"]
    again = replace(around, children=kinds, instances=())
    assert not [a for a in plan(wish(), again).actions if "orders-restore" in str(a)]


def test_that_the_instances_stop_for_it_is_not_told_as_the_loss_of_the_primary() -> None:
    term, one = None, replace(begun(), instances=members(1))
    killed = started(last_end="Error, exit code 1", last_end_at=SEEN)
    for state in (world(), begun(), one, stopped(), killed, started(), ended()):
        lead = replace(state.leadership, holder=state.leadership.holder and "orders-0")
        term, events = followed(term, "orders-0", replace(state, leadership=lead), SEEN)
        assert events == []


def settled_after(done: dict[str, str]) -> ObservedState:
    around = world()
    kinds = {kind: dict(found) for kind, found in around.children.items()}
    kinds["StatefulSet"]["orders"]["metadata"]["annotations"][RESTORED_TO] = json.dumps(done)
    return replace(around, children=kinds)


def test_one_line_brings_the_former_data_back() -> None:
    around = written(wish(FORMER), settled_after({"to": TO, "aside": "before-1"}))
    asked = request(around)
    assert (asked.back, asked.aside, asked.time) == (True, "before-1", "")
    twice = plan(wish(FORMER), settled_after({"to": FORMER, "aside": "before-1"}))
    assert not [a for a in twice.actions if isinstance(a, Apply) and "orders-restore" in str(a)]


def test_the_same_line_is_the_way_out_of_a_restore_that_fails() -> None:
    around = written(wish(FORMER), started())
    assert request(around).back
    assert notes(around.children["ConfigMap"]["orders-restore"])[RESTORE_TO] == FORMER
