from __future__ import annotations

import json
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

import pytest

from controller import attempt, reconcile
from controller.desired import names
from controller.kube.answers import Conflict, Refused, Unavailable
from controller.kube.kinds import DATABASE
from controller.kube.leader import LeadershipLost
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.plan.actions import Action, Apply, DeletePod, GrowClaim, Reload
from controller.plan.interruption import Declined
from controller.plan.outcome import Done, Stalled, Waiting
from controller.plan.planner import Plan
from controller.watches.queue import Work
from tests.factory import POLICY, complete_database
from tests.passes import KEY, SECRETS, Scene, lock, secrets_watch, statefulset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.observe.state import ObservedState
    from controller.plan.situation import Intent

GROW = GrowClaim("data-orders-0", "20Gi", "storage.size 10Gi -> 20Gi")
RELOAD = Reload("orders-0", "192.0.2.1", "an older certificate")
RESTART = DeletePod("orders-1", "uid-1", "the pod template changed")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(tmp_path, lambda _intent, _world: Plan((), Done()))
    monkeypatch.setattr(reconcile, "plan", lambda *seen: made.choose(*seen))  # noqa: PLW0108 - a test chooses later
    monkeypatch.setattr(attempt, "credentials", lambda *_, **__: ())
    return made


def chosen(*actions: Action, outcome: Any = None) -> Callable[[Intent, ObservedState], Plan]:  # noqa: ANN401
    begins = any(isinstance(a, Apply) and a.absent and a.manifest["kind"] == "StatefulSet" for a in actions)
    return lambda _intent, _world: Plan(actions, outcome or Done(), begins)


async def test_a_lock_that_moved_unseen_stops_what_would_hit_the_new_primary(scene: Scene) -> None:
    scene.cache.put("ConfigMap", lock("orders-0", 5))
    scene.api.objects["orders-leader"] = lock("orders-1", 6)
    scene.choose = chosen(RESTART)
    outcome = await scene.look()
    assert isinstance(outcome, Waiting)
    assert scene.hands.did == []
    scene.api.objects["orders-leader"] = lock("orders-0", 7)
    scene.cache.put("ConfigMap", lock("orders-0", 7))
    assert await scene.look() == Done()
    assert scene.hands.did == [RESTART]


async def test_what_disturbs_nobody_asks_for_no_lock(scene: Scene) -> None:
    scene.choose = chosen(GROW, Apply({"kind": "Service", "metadata": {"name": "orders"}}, "missing"))
    await scene.look()
    scene.api.read.clear()
    await scene.look()
    assert "ConfigMap" not in scene.api.read


async def test_a_claim_that_may_not_grow_keeps_nothing_else_from_being_done(scene: Scene) -> None:
    scene.choose = chosen(GROW, RESTART)
    scene.hands.refuses[str(GROW)] = Refused(403, "exceeded quota")
    outcome = await scene.look()
    assert outcome == Stalled("WriteRefused", "exceeded quota", after=30)
    assert scene.hands.did == [RESTART]


async def test_a_member_that_does_not_reload_holds_nothing_up(scene: Scene) -> None:
    scene.choose = chosen(RELOAD, RESTART)
    scene.hands.refuses[str(RELOAD)] = Declined("no")
    assert await scene.look() == Done()
    assert scene.hands.did == [RESTART]


async def test_the_secrets_of_a_new_object_of_an_old_name_are_looked_at(scene: Scene) -> None:
    await scene.look()
    scene.api.read.clear()
    await scene.look()
    assert "Secret" not in scene.api.read
    scene.put("uid-of-another", 2)
    await scene.look()
    assert "Secret" in scene.api.read


@pytest.mark.parametrize("lost", SECRETS)
async def test_a_secret_that_was_deleted_is_written_at_once(
    scene: Scene, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.look()
    scene.api.read.clear()
    rest = (name for name in SECRETS if name != lost)
    scene.cache.put("ConfigMap", secrets_watch(*rest, version=2))
    wanted = Apply({"kind": "Secret", "metadata": {"name": lost}}, "missing")
    monkeypatch.setattr(attempt, "credentials", lambda *_, **__: (wanted.manifest,))
    scene.choose = lambda intent, _: Plan(tuple(Apply(m, "missing") for m in intent.secrets), Done())
    await scene.look()
    assert "Secret" in scene.api.read
    assert scene.hands.did == [wanted]


async def test_all_secrets_deleted_are_looked_for_at_once(scene: Scene) -> None:
    await scene.look()
    scene.api.read.clear()
    scene.cache.drop("ConfigMap", secrets_watch(version=2))
    await scene.look()
    assert (
        scene.api.read.count("Secret")
        == len(names.secrets("orders")) + len(names.secrets_of_backups("orders")) + 1
    )


def lost(name: str) -> Apply:
    metadata = {"name": name, "labels": {"keddah.dev/database": "orders"}}
    return Apply({"kind": "Secret", "metadata": metadata}, "missing", absent=True)


@pytest.fixture
def told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    events: list[tuple[str, str]] = []
    monkeypatch.setattr(scene.recorder, "record", lambda _of, _type, *words: events.append(words))
    return events


async def test_secrets_that_come_back_are_told_of_and_watched_from_then_on(
    scene: Scene, told: list[tuple[str, str]]
) -> None:
    metadata = statefulset()["metadata"] | {"name": "data-orders-0"}
    spec = {"resources": {"requests": {"storage": "1Gi"}}}
    scene.cache.put(
        "PersistentVolumeClaim", {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
    )
    scene.choose = chosen(lost("orders-keys"), lost("orders-app"))
    await scene.look()
    words = "orders-keys, orders-app were missing, and written again from what the other Secrets say"
    assert ("SecretsRestored", words) in told
    assert scene.woken == [KEY]
    scene.choose = chosen(GROW)
    await scene.look()
    assert scene.woken == [KEY]


async def test_the_secrets_of_a_new_database_were_not_lost(scene: Scene, told: list[tuple[str, str]]) -> None:
    scene.choose = chosen(lost("orders-keys"))
    await scene.look()
    assert "SecretsRestored" not in dict(told)
    assert scene.woken == [KEY]


async def test_while_a_spec_is_refused_the_accepted_one_is_looked_at_again(scene: Scene) -> None:
    scene.cache.put("StatefulSet", statefulset(json.dumps(complete_database()["spec"])))
    scene.put("uid-of-orders", 4, replicas=1000)
    scene.choose = chosen(outcome=Waiting(5, "RollingOut", "one at a time"))
    outcome = await scene.look()
    assert isinstance(outcome, Stalled)
    assert (outcome.reason, outcome.after) == ("Refused", 5)


async def test_an_upgrade_that_waits_for_its_window_takes_nothing_from_ready(scene: Scene) -> None:
    window = '{when: window, window: {start: "12:30", duration: 1h}}'
    scene.policy.write_text(f"{POLICY}minorUpgrades: {window}\n")
    assert scene.followed.refresh()
    running = statefulset()
    scene.cache.put("StatefulSet", running)
    name = {"name": "orders-0", "resourceVersion": "4"}
    template = running["spec"]["template"]["spec"]
    scene.cache.put("Pod", {"kind": "Pod", "metadata": running["metadata"] | name, "spec": template})
    intents: list[Intent] = []

    def choose(intent: Intent, _: ObservedState) -> Plan:
        intents.append(intent)
        return Plan((), Done())

    scene.choose = choose
    assert await scene.look() == Done(after=1800.0)
    assert [(i.image, i.version) for i in intents] == [("keddah.dev/keddah-postgres:17.5", None)]
    told = {c["type"]: (c["status"], c["reason"]) for c in scene.api.status["conditions"]}
    assert told["Ready"] == ("True", "Ready")
    assert told["Reconciling"] == ("False", "Ready")
    assert told["UpToDate"] == ("False", "UpgradePending")


async def test_an_upgrade_that_waits_for_another_database_says_so_and_takes_its_turn(scene: Scene) -> None:
    def put(name: str, template: str, pod: str) -> None:
        owner = statefulset(image=template)
        owner["metadata"] |= {"name": name, "labels": {"keddah.dev/database": name}}
        scene.cache.put("StatefulSet", owner)
        made = owner["metadata"] | {"name": f"{name}-0"}
        containers = {"containers": [{"name": "postgres", "image": pod}]}
        scene.cache.put("Pod", {"kind": "Pod", "metadata": made, "spec": containers})

    older, newest = "keddah.dev/keddah-postgres:17.5", "keddah.dev/keddah-postgres:17.6"
    other = {**complete_database(), "metadata": {"name": "other", "namespace": "shop", "uid": "uid-other"}}
    scene.cache.put(other["kind"], other)
    put("other", newest, older)
    put("orders", older, older)
    images: list[str] = []

    def choose(intent: Intent, _: ObservedState) -> Plan:
        images.append(intent.image)
        return Plan((), Done())

    scene.choose = choose
    assert await scene.look() == Done(after=60.0)
    told = {c["type"]: (c["status"], c["reason"]) for c in scene.api.status["conditions"]}
    assert told["UpToDate"] == ("False", "UpgradeQueued")
    assert told["Ready"] == ("True", "Ready")
    scene.cache.drop(other["kind"], other)
    assert await scene.reconciler.reconcile(Work(Key("shop", "other"), frozenset())) == Done(
        "Gone", "The object is gone"
    )
    assert scene.woken == [KEY]
    await scene.look()
    assert images == [older, newest]


async def test_the_status_of_a_new_database_waits_for_something_to_say(scene: Scene) -> None:
    statefulset = {"kind": "StatefulSet", "metadata": {"name": "orders"}}
    written = Waiting(5, "Reconciling", "child objects were written")
    scene.choose = chosen(Apply(statefulset, "missing", absent=True), outcome=written)
    assert await scene.look() == Waiting(1, "Reconciling", "child objects were written")
    assert scene.api.status == {}
    scene.choose = chosen(outcome=Waiting(30, "Creating", "no instance accepts writes yet"))
    await scene.look()
    assert scene.api.status["observedGeneration"] == 1


async def test_a_status_that_is_there_is_not_left_behind_by_new_children(scene: Scene) -> None:
    statefulset = {"kind": "StatefulSet", "metadata": {"name": "orders"}}
    manifest = {**complete_database(), "status": {"readyReplicas": 1}}
    manifest["metadata"] |= {"uid": "uid-of-orders", "resourceVersion": "2"}
    scene.cache.put(manifest["kind"], manifest)
    written = Waiting(5, "Reconciling", "child objects were written")
    scene.choose = chosen(Apply(statefulset, "missing", absent=True), outcome=written)
    assert await scene.look() == written
    assert scene.api.status["observedGeneration"] == 1


async def test_a_new_object_is_told_of_as_late_when_its_status_is_only_the_default(scene: Scene) -> None:
    manifest = {**complete_database(), "status": {"observedGeneration": -1}}
    manifest["metadata"] |= {"uid": "uid-of-orders", "resourceVersion": "2"}
    scene.cache.put(manifest["kind"], manifest)
    make = Apply({"kind": "StatefulSet", "metadata": {"name": "orders"}}, "missing", absent=True)
    scene.choose = chosen(make, outcome=Waiting(5, "Reconciling", "child objects were written"))
    await scene.look()
    assert scene.api.status == {}


async def test_a_refused_write_is_told_of_the_generation_that_it_stalls(scene: Scene) -> None:
    scene.choose = chosen(RESTART)
    scene.hands.refuses[str(RESTART)] = Refused(403, "a webhook says no")
    assert await scene.look() == Stalled("WriteRefused", "a webhook says no", after=30)
    assert scene.api.status["observedGeneration"] == 1


async def test_a_deletion_that_waits_is_told_with_what_it_waits_for(scene: Scene) -> None:
    scene.put("uid-of-orders", 2)
    ended = scene.cache.database(KEY) or {}
    ended["metadata"] |= {"deletionTimestamp": "2026-07-01T12:00:00Z", "finalizers": ["example.com/hold"]}
    scene.api.objects["orders"] = ended
    scene.cache.put(ended["kind"], {**ended, "metadata": ended["metadata"] | {"resourceVersion": "3"}})
    outcome = await scene.look()
    assert isinstance(outcome, Waiting)
    told = {c["type"]: (c["status"], c["reason"], c["message"]) for c in scene.api.status["conditions"]}
    words = "finalizers of others hold the object: example.com/hold"
    assert told["Ready"] == ("False", "Deleting", words)
    assert told["Reconciling"] == ("True", "Deleting", words)


async def test_a_child_that_is_there_after_all_is_looked_at_and_planned_with(scene: Scene) -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "orders-config"}}
    make = Apply(config, "missing", absent=True)

    def choose(_: Intent, observed: ObservedState) -> Plan:
        seen = "orders-config" in observed.children.get("ConfigMap", {})
        return Plan((), Stalled("ChildOwnedByOther", "theirs")) if seen else Plan((make,), Done())

    scene.choose = choose
    scene.hands.refuses[str(make)] = Conflict(409, "it is there")
    scene.api.objects["orders-config"] = config
    assert await scene.look() == Stalled("ChildOwnedByOther", "theirs")
    assert scene.hands.did == []


async def test_every_name_is_looked_at_before_a_database_is_made(scene: Scene) -> None:
    made = [
        Apply({"kind": kind, "metadata": {"name": name}}, "missing", absent=True)
        for kind, name in (("Service", "orders"), ("Service", "orders-ro"), ("StatefulSet", "orders"))
    ]

    def choose(_: Intent, observed: ObservedState) -> Plan:
        seen = "orders-ro" in observed.children.get("Service", {})
        return (
            Plan((), Stalled("ChildOwnedByOther", "theirs"))
            if seen
            else Plan(tuple(made), Done(), begins=True)
        )

    scene.choose = choose
    scene.api.objects["orders-ro"] = made[1].manifest
    assert await scene.look() == Stalled("ChildOwnedByOther", "theirs")
    assert scene.hands.did == []
    scene.api.objects.clear()
    assert await scene.look() == Done()
    assert scene.hands.did == made


async def test_an_error_that_nobody_expected_is_told_and_left_to_the_worker(scene: Scene) -> None:
    scene.choose = chosen(RESTART)
    scene.hands.refuses[str(RESTART)] = ValueError("password=geheim")
    with pytest.raises(ValueError, match="geheim"):
        await scene.look()
    told = {c["type"]: (c["status"], c["reason"]) for c in scene.api.status["conditions"]}
    assert told["Reconciling"] == ("True", "InternalError")
    assert "ValueError" in str(scene.api.status)
    assert "geheim" not in str(scene.api.status)
    assert "observedGeneration" not in scene.api.status


@pytest.mark.parametrize("where", ["observe", "validate"])
async def test_an_error_before_anything_was_planned_is_told_too_and_the_rest_stays(
    scene: Scene, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.look()
    before = dict(scene.api.status)
    scene.cache.put(DATABASE, {**(scene.cache.database(KEY) or {}), "status": before})

    def fails(*_: object, **__: object) -> None:
        raise ValueError("password=geheim")

    monkeypatch.setattr(reconcile if where == "validate" else Observer, where, fails)
    with pytest.raises(ValueError, match="geheim"):
        await scene.look()
    told = {c["type"]: (c["status"], c["reason"]) for c in scene.api.status["conditions"]}
    assert told["Reconciling"] == ("True", "InternalError")
    assert told["Stalled"][0] == "False"
    assert "ValueError" in str(scene.api.status)
    assert "geheim" not in str(scene.api.status)
    changed = {"Reconciling", "Stalled"}
    assert [c for c in scene.api.status["conditions"] if c["type"] not in changed] == [
        c for c in before["conditions"] if c["type"] not in changed
    ]
    assert {**scene.api.status, "conditions": 0} == {**before, "conditions": 0}


async def test_a_new_database_that_cannot_be_observed_says_why(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise Refused(403, "GET nodes: forbidden")

    monkeypatch.setattr(Observer, "observe", refused)
    with pytest.raises(Refused):
        await scene.look()
    told = {c["type"]: (c["status"], c["reason"]) for c in scene.api.status["conditions"]}
    assert told == {
        "Ready": ("Unknown", "Reconciling"),
        "Reconciling": ("True", "Reconciling"),
        "Stalled": ("False", "Reconciling"),
    }
    assert "trying again: GET nodes: forbidden" in str(scene.api.status)


@pytest.mark.parametrize("end", [LeadershipLost("another leads"), CancelledError()], ids=["lost", "stopped"])
async def test_a_controller_that_may_not_go_on_reports_nothing(scene: Scene, end: BaseException) -> None:
    scene.choose = chosen(RESTART)
    scene.hands.refuses[str(RESTART)] = end
    with pytest.raises(type(end)):
        await scene.look()
    assert scene.api.status == {}


async def test_what_the_api_server_did_not_answer_is_told(scene: Scene) -> None:
    scene.choose = chosen(RESTART)
    scene.hands.refuses[str(RESTART)] = Unavailable(0, "DELETE pods/orders-1: no answer")
    with pytest.raises(Unavailable):
        await scene.look()
    told = {c["type"]: c["message"] for c in scene.api.status["conditions"]}
    assert told["Reconciling"] == "trying again: DELETE pods/orders-1: no answer"


async def test_a_conflict_over_something_else_is_tried_again_later(scene: Scene) -> None:
    make = Apply({"kind": "ConfigMap", "metadata": {"name": "orders-config"}}, "missing", absent=True)
    scene.choose = chosen(make)
    scene.hands.refuses[str(make)] = Conflict(409, "it was there, and is gone")
    with pytest.raises(Conflict):
        await scene.look()
    assert scene.api.status["conditions"]


async def test_each_pass_is_one_line_of_the_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="controller")
    for actions, outcome in ((RESTART,), Waiting(5, "RollingOut", "waiting")), ((), Done()):
        scene.choose = chosen(*actions, outcome=outcome)
        await scene.look()
    first, last = (r.getMessage() for r in caplog.records if r.getMessage().startswith("Reconciled"))
    assert "did='restart pod orders-1 (the pod template changed)'" in first
    assert "did='nothing' message='All resources are in the desired state'" in last
