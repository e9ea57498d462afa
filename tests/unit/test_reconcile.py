from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from controller import reconcile
from controller.act.actor import Declined
from controller.kube.answers import Conflict, Refused
from controller.kube.objects import Key
from controller.plan.actions import Action, Apply, DeletePod, GrowClaim, Reload
from controller.plan.outcome import Done, Stalled, Waiting
from controller.plan.planner import Plan
from controller.watches.queue import Work
from tests.factory import POLICY, complete_database
from tests.passes import KEY, Scene, lock, statefulset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.observe.world import World
    from controller.plan.planner import Intent

GROW = GrowClaim("data-orders-0", "20Gi", "storage.size 10Gi -> 20Gi")
RELOAD = Reload("orders-0", "192.0.2.1", "an older certificate")
RESTART = DeletePod("orders-1", "uid-1", "the pod template changed")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(tmp_path, lambda _intent, _world: Plan((), Done()))
    monkeypatch.setattr(reconcile, "plan", lambda *seen: made.choose(*seen))  # noqa: PLW0108 - a test chooses later
    monkeypatch.setattr(reconcile, "credentials", lambda *_, **__: ())
    return made


def chosen(*actions: Action, outcome: Any = None) -> Callable[[Intent, World], Plan]:  # noqa: ANN401
    return lambda _intent, _world: Plan(actions, outcome or Done())


async def test_a_lock_that_moved_unseen_stops_what_would_hit_the_new_primary(scene: Scene) -> None:
    scene.store.put("ConfigMap", lock("orders-0", 5))
    scene.api.objects["orders-leader"] = lock("orders-1", 6)
    scene.choose = chosen(RESTART)
    outcome = await scene.look()
    assert isinstance(outcome, Waiting)
    assert scene.hands.did == []
    scene.api.objects["orders-leader"] = lock("orders-0", 7)
    scene.store.put("ConfigMap", lock("orders-0", 7))
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
    assert outcome == Waiting(60, "WriteRefused", "exceeded quota")
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


async def test_while_a_spec_is_refused_the_accepted_one_is_looked_at_again(scene: Scene) -> None:
    scene.store.put("StatefulSet", statefulset(json.dumps(complete_database()["spec"])))
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
    scene.store.put("StatefulSet", running)
    name = {"name": "orders-0", "resourceVersion": "4"}
    template = running["spec"]["template"]["spec"]
    scene.store.put("Pod", {"kind": "Pod", "metadata": running["metadata"] | name, "spec": template})
    intents: list[Intent] = []

    def choose(intent: Intent, _: World) -> Plan:
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
        scene.store.put("StatefulSet", owner)
        made = owner["metadata"] | {"name": f"{name}-0"}
        containers = {"containers": [{"name": "postgres", "image": pod}]}
        scene.store.put("Pod", {"kind": "Pod", "metadata": made, "spec": containers})

    older, newest = "keddah.dev/keddah-postgres:17.5", "keddah.dev/keddah-postgres:17.6"
    other = {**complete_database(), "metadata": {"name": "other", "namespace": "shop", "uid": "uid-other"}}
    scene.store.put(other["kind"], other)
    put("other", newest, older)
    put("orders", older, older)
    images: list[str] = []

    def choose(intent: Intent, _: World) -> Plan:
        images.append(intent.image)
        return Plan((), Done())

    scene.choose = choose
    assert await scene.look() == Done(after=60.0)
    told = {c["type"]: (c["status"], c["reason"]) for c in scene.api.status["conditions"]}
    assert told["UpToDate"] == ("False", "UpgradeQueued")
    assert told["Ready"] == ("True", "Ready")
    scene.store.drop(other["kind"], other)
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
    scene.store.put(manifest["kind"], manifest)
    written = Waiting(5, "Reconciling", "child objects were written")
    scene.choose = chosen(Apply(statefulset, "missing", absent=True), outcome=written)
    assert await scene.look() == written
    assert scene.api.status["observedGeneration"] == 1


async def test_a_child_that_is_there_after_all_is_looked_at_and_planned_with(scene: Scene) -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "orders-config"}}
    make = Apply(config, "missing", absent=True)

    def choose(_: Intent, world: World) -> Plan:
        seen = "orders-config" in world.children.get("ConfigMap", {})
        return Plan((), Stalled("ChildOwnedByOther", "theirs")) if seen else Plan((make,), Done())

    scene.choose = choose
    scene.hands.refuses[str(make)] = Conflict(409, "it is there")
    scene.api.objects["orders-config"] = config
    assert await scene.look() == Stalled("ChildOwnedByOther", "theirs")
    assert scene.hands.did == []


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
