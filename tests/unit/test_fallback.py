"""Pods of the newest template are refused when they are created: the former one is used, and that is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.desired.instances.pod import pod_template
from controller.kube.answers import KubeError, Refused
from controller.kube.client import Kube
from controller.kube.objects import Key, Manifest
from controller.observe.instances.creation import former
from controller.observe.instances.creations import Creations
from controller.observe.state import RETRIED, Creation, Leadership, ObservedState, Revision
from controller.plan.actions import Apply, DeletePod
from controller.plan.instances.fallback import NOTE
from controller.plan.outcome import Outcome, Stalled
from controller.plan.planner import Plan, plan
from controller.plan.situation import Intent
from controller.plan.upgrade import Choice
from controller.report.status import status
from tests.states import NEW, OLD, carry_out, intent, members, observed, pod, settled, statefulset

KEY = Key("shop", "orders")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WORDS = 'pods "orders-2" is forbidden: marked pods are not wanted'
FULL = Refused(403, "create pods: exceeded quota: tight, requested: pods=1, used: pods=2, limited: pods=2")
MARKED = {"annotations": {"marked": "yes"}}


def revision(name: str, number: int, owner: str = "uid-set") -> Manifest:
    template = {"metadata": {"annotations": {"number": str(number)}}, "spec": {"containers": []}}
    return {
        "metadata": {"name": name, "ownerReferences": [{"uid": owner}]},
        "revision": number,
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
    }


HISTORY = [revision("orders-older", 1), revision(OLD, 2), revision(NEW, 5), revision("orders-unused", 4)]


def owner(newest: str = NEW, **metadata: Any) -> Manifest:  # noqa: ANN401
    """Give a StatefulSet whose controller has seen the newest template."""
    seen = {"observedGeneration": 2, "updateRevision": newest}
    return {**statefulset(generation=2, **metadata), "status": seen}


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ((OLD, OLD), OLD),
        (("orders-older", OLD), OLD),
        (("orders-older", NEW), "orders-older"),
        ((NEW, NEW), None),
        # Of a single instance none is left to tell.
        ((), "orders-unused"),
    ],
)
def test_the_former_template_is_the_newest_that_pods_are_of(run: tuple[str, ...], name: str | None) -> None:
    others = [revision("orders-repository-1", 9, owner="another")]
    instances = [pod(n, revision=each) for n, each in enumerate(run)]
    found = former(owner(), [*HISTORY, *others], instances)
    assert (found and found.name) == name
    assert found is None or "$patch" not in found.template
    assert former(statefulset(), HISTORY, instances) is None  # what is newest is not known yet


class Api(Kube):
    """Refuses pods of the newest template when they are created, and by dry runs what `answer` says."""

    def __init__(self) -> None:
        self.events: list[Manifest] = []
        self.newest: KubeError | None = None
        """The answer to pods of the newest template, if it is another."""
        self.full = 0
        """How many trials meet a full quota before it is lifted."""
        self.tried: list[Manifest] = []

    async def list(
        self, kind: str, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """Give the events and revisions."""
        if kind == "Event":
            return self.events
        assert (kind, namespace, fields) == ("ControllerRevision", "shop", "")
        assert labels == "keddah.dev/database=orders"
        return HISTORY

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Find no pod: it is missing."""
        assert (kind, namespace, name) == ("Pod", "shop", "orders-2")
        return None

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Judge a trial."""
        assert dry_run
        self.tried.append(manifest)
        if len(self.tried) <= self.full:
            raise FULL
        if self.newest and manifest["metadata"]["annotations"] != {"number": "2"}:
            raise self.newest
        return manifest


def told(seconds: float) -> Manifest:
    moment = (NOW + timedelta(seconds=seconds)).isoformat()
    return {"note": f"create Pod x in StatefulSet x failed error: {WORDS}", "deprecatedLastTimestamp": moment}


async def former_after(kube: Api, *looks: tuple[float, float, str]) -> list[str | None]:
    """Give the former revision as seen at moments, each with the newest event's and the newest revision."""
    present = 0.0
    creations = Creations(kube, lambda: present, lambda: NOW + timedelta(seconds=present))
    found: list[str | None] = []
    two = tuple(replace(each, revision=OLD) for each in members(2))
    for at, event, newest in looks:
        present, kube.events = at, [told(event)]
        live = owner(newest, annotations={RETRIED: (NOW + timedelta(seconds=at)).isoformat()})
        seen = await creations.look(KEY, live, two)
        found.append(seen.former.name if seen.former else None)
    return found


async def test_only_an_event_from_after_the_newest_template_tells_that_its_pod_is_refused() -> None:
    # One that is hardly newer may be of another clock.
    found = await former_after(Api(), (0, -9, NEW), (2, 2, NEW), (6, 4, NEW), (10, 9, NEW))
    assert found == [None, None, None, OLD]
    # A change since: what refused the one before says nothing of it.
    looks = (0, 0, NEW), (3, 3, NEW), (10, 9, NEW), (11, 9, "newer"), (15, 9, "newer"), (19, 9, "newer")
    assert await former_after(Api(), *looks) == [None, None, OLD, None, None, None]


async def test_a_refusal_from_before_the_former_pod_would_be_created_does_not_blame_the_newest() -> None:
    """A quota that is lifted between the refusal and the trial kept either away."""
    kube = Api()
    kube.full = 1
    looks = (0, 0, NEW), (10, 10, NEW), (14, 14, NEW), (18, 18, NEW), (22, 22, NEW)
    # Not even one of the moment in which that is seen: clocks differ.
    assert await former_after(kube, *looks) == [None, None, None, None, OLD]


async def test_a_newest_pod_that_a_dry_run_refuses_too_is_not_waited_for() -> None:
    kube = Api()
    kube.newest = Refused(403, f"create pods: {WORDS}")
    assert await former_after(kube, (0, 0, NEW), (2, 2, NEW)) == [None, OLD]


async def test_what_refuses_the_former_template_too_changes_nothing() -> None:
    kube = Api()
    kube.full = 1
    assert await former_after(kube, (0, 0, NEW), (10, 9, NEW)) == [None, None]
    [tried] = kube.tried
    assert tried["metadata"]["name"] == "orders-2"
    assert tried["metadata"]["annotations"] == {"number": "2"}


class World:
    """A database whose change is refused in the end, and what keddah makes of it."""

    def __init__(self, replicas: int = 3, **before: Any) -> None:  # noqa: ANN401
        self.first = intent(replicas=replicas, **before)
        self.around = replace(settled(self.first, observed(members(replicas))), seen=NOW)
        self.replicas = replicas

    def run(self, wish: Intent, **changes: Any) -> Plan:  # noqa: ANN401
        """Plan, and carry out the writes."""
        self.around = replace(self.around, **changes)
        chosen = plan(wish, self.around)
        for action in chosen.actions:
            if isinstance(action, Apply):
                self.around = carry_out(self.around, action)
        return chosen

    def refuse(self, wish: Intent, at: datetime = NOW) -> None:
        """Let the last pod be deleted for a change, and not come back."""
        self.run(wish, seen=at)
        self.revise(NEW)
        gone = tuple(replace(each, revision=OLD) for each in members(self.replicas)[:-1])
        was = Revision(OLD, pod_template(self.first.db, self.first.image))
        name = f"orders-{self.replicas - 1}"
        self.run(wish, instances=gone, creation=Creation((name,), WORDS, former=was), seen=at)
        self.revise(OLD)
        back = tuple(replace(each, revision=OLD) for each in members(self.replicas))
        lead = observed(back).leadership
        self.around = replace(self.around, instances=back, leadership=lead, creation=Creation())

    def revise(self, newest: str) -> None:
        """Let Kubernetes take up the StatefulSet's template."""
        live = self.around.children["StatefulSet"]["orders"]
        live["status"]["updateRevision"] = newest

    @property
    def marked(self) -> bool:
        """Whether pods would be made from the changed template."""
        template = self.around.children["StatefulSet"]["orders"]["spec"]["template"]
        return "marked" in template["metadata"]["annotations"]

    @property
    def configuration(self) -> Manifest:
        """NAME-config."""
        return self.around.children["ConfigMap"]["orders-config"]


def test_the_standby_comes_back_from_the_former_template_and_no_other_is_restarted() -> None:
    world, wish = World(), intent(replicas=3, template=MARKED)
    world.refuse(wish)
    assert not world.marked
    chosen = world.run(wish)
    assert chosen.actions == ()
    words = (
        f"no pod of the newest template ({NEW}) can be created: {WORDS}. The instances run the former one"
        f" ({OLD}), and nothing is restarted, until the change is corrected or taken back, or it is tried"
        " again at 2026-11-29T12:10:00Z"
    )
    assert chosen.outcome == Stalled("RolledBack", words, after=600.0)
    found = conditions(wish, world.around, chosen.outcome)
    assert found["UpToDate"] == ("False", "RolledBack", words)
    assert found["Ready"] == ("True", "RolledBack", words)


def conditions(wish: Intent, around: ObservedState, outcome: Outcome) -> dict[str, tuple[str, str, str]]:
    choice = Choice(wish.image, "17.6", template=pod_template(wish.db, wish.image))
    told = status(wish.db, around, outcome, choice, validated=True, now="2026-11-29T12:00:00Z")
    return {each["type"]: (each["status"], each["reason"], each["message"]) for each in told["conditions"]}


def test_a_refused_template_is_tried_again_ever_later() -> None:
    world, wish, at = World(), intent(replicas=3, template=MARKED), NOW
    pauses: list[float | None] = []
    for _ in range(8):
        world.refuse(wish, at)
        outcome = world.run(wish).outcome
        assert isinstance(outcome, Stalled)
        pauses.append(outcome.after and outcome.after / 60)
        world.run(wish, seen=at + timedelta(seconds=(outcome.after or 0) - 1))
        assert not world.marked
        at += timedelta(seconds=outcome.after or 0)
        world.run(wish, seen=at)
        assert world.marked
    assert pauses == [10, 20, 40, 80, 160, 320, 360, 360]


def test_a_template_that_is_let_pass_in_the_end_is_rolled_out_and_nothing_of_it_remembered() -> None:
    world, wish = World(), intent(replicas=3, template=MARKED)
    world.refuse(wish)
    world.run(wish, seen=NOW + timedelta(minutes=10))
    world.revise(NEW)
    [step] = world.run(wish).actions
    assert isinstance(step, DeletePod)
    assert NOTE in world.configuration["data"]
    world.run(wish, instances=members(3))
    assert NOTE not in world.configuration["data"]
    assert world.run(wish).outcome.reason == "Ready"


def test_a_change_taken_back_or_corrected_counts_at_once() -> None:
    for other in (None, {"annotations": {"marked": "otherwise"}}):
        world = World()
        world.refuse(intent(replicas=3, template=MARKED))
        changed = intent(replicas=3, template=other) if other else world.first
        world.run(changed, seen=NOW + timedelta(seconds=30))
        assert world.marked == bool(other)
        assert NOTE not in world.configuration["data"]


def test_the_only_instance_is_not_tried_again_by_itself() -> None:
    world, wish = World(1), intent(replicas=1, template=MARKED)
    world.refuse(wish)
    outcome = world.run(wish, seen=NOW + timedelta(days=9)).outcome
    assert isinstance(outcome, Stalled)
    assert (outcome.reason, outcome.after, world.marked) == ("RolledBack", None, False)
    assert "tried again" not in outcome.message
    # Once it is missing anyway, nothing is lost by a try; and what comes of it stays.
    world.run(wish, instances=(), creation=Creation(("orders-0",), WORDS))
    assert world.marked
    world.run(wish, instances=members(1), creation=Creation())
    assert world.marked
    assert NOTE not in world.configuration["data"]


def test_a_database_that_never_ran_has_no_template_to_go_back_to() -> None:
    world, wish = World(), intent(replicas=3, template=MARKED)
    world.run(wish)
    was = Revision(OLD, pod_template(world.first.db, world.first.image))
    refused = Creation(("orders-0", "orders-1", "orders-2"), WORDS, former=was)
    world.run(wish, instances=(), leadership=Leadership(), creation=refused)
    assert world.marked


def test_a_refusal_of_an_earlier_template_is_none_of_one_that_is_not_written_yet() -> None:
    world = World()
    was = Revision(OLD, pod_template(world.first.db, world.first.image))
    refused = Creation(("orders-2",), WORDS, former=was)
    world.run(intent(replicas=3, template=MARKED), instances=members(2), creation=refused)
    assert world.marked
    assert NOTE not in world.configuration["data"]


def test_the_servers_memory_is_that_of_the_pods_there_are() -> None:
    def sized(memory: str) -> dict[str, Any]:
        return {"limits": {"memory": memory}}

    world, wish = World(resources=sized("1Gi")), intent(replicas=3, resources=sized("8Gi"), template=MARKED)
    world.run(wish)
    assert '"shared_buffers":"2048MB"' in world.configuration["metadata"]["annotations"]["config"]
    world.refuse(wish)
    assert '"shared_buffers":"256MB"' in world.configuration["metadata"]["annotations"]["config"]


def test_a_note_that_is_damaged_or_of_a_former_object_says_nothing() -> None:
    wish = intent(replicas=3, template=MARKED)
    for old, new in (('"uid":"', '"uid":"other-'), ("{", "[")):
        world = World()
        world.refuse(wish)
        data = world.configuration["data"]
        data[NOTE] = data[NOTE].replace(old, new, 1)
        world.run(wish)
        assert world.marked
