from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from controller.kube.answers import Conflict, KubeError, Refused, Unavailable
from controller.kube.client import Kube
from controller.kube.objects import Key, Manifest
from controller.observe.instances.creation import LASTING, fits, missing, refusal, trial
from controller.observe.instances.creations import Creations
from controller.observe.state import RETRIED, Creation
from controller.plan.actions import DeletePod, Discard, RetryPods
from controller.plan.instances.creation import kept, soon
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.planner import plan
from tests.states import intent, members, observed, pod, settled, statefulset

KEY = Key("shop", "orders")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
QUOTA = "exceeded quota: tight, requested: {}, used: {}, limited: {}"
WORDS = f'pods "orders-2" is forbidden: {QUOTA.format("pods=1", "pods=2", "pods=2")}'
NOTE = f"create Pod orders-2 in StatefulSet orders failed error: {WORDS}"


def event(note: str = NOTE, minutes: float = 0.0, field: str = "deprecatedLastTimestamp") -> Manifest:
    moment = (NOW - timedelta(minutes=minutes)).isoformat()
    return {"note": note} | ({"series": {field: moment}} if field.startswith("lastO") else {field: moment})


def test_what_is_missing_is_counted_by_number_and_not_by_how_many_there_are() -> None:
    assert missing(statefulset(3), (pod(0), pod(2), pod(3))) == ("orders-1",)
    assert missing(statefulset(3), members(3)) == ()
    assert missing(statefulset(0), ()) == ()
    assert missing(None, ()) == ()


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], ""),
        ([event()], WORDS),
        ([event(NOTE.replace("create", "Create"))], WORDS),
        ([event(f"(combined from similar events): {NOTE}")], WORDS),
        ([event("create Claim data-orders-2 Pod orders-2 in StatefulSet orders failed error: no")], "no"),
        ([event("in words of another release")], "in words of another release"),
        ([event(minutes=9)], WORDS),
        ([event(minutes=11)], ""),
        ([event(minutes=5), event("newer", 1), event("older", 6)], "newer"),
        ([event("of a new recorder", 0, "eventTime"), event(minutes=1)], "of a new recorder"),
        ([event("of a series", 0, "lastObservedTime"), event(minutes=1)], "of a series"),
        ([{"note": "without a time"}], ""),
    ],
)
def test_the_newest_event_says_why_and_an_old_one_says_nothing(events: list[Manifest], words: str) -> None:
    assert refusal(events, NOW - LASTING) == words


def test_a_trial_is_the_pod_that_the_statefulset_would_get() -> None:
    tried = trial(statefulset(), "orders-2")
    assert tried["metadata"]["name"] == tried["spec"]["hostname"] == "orders-2"
    assert tried["metadata"]["labels"] == {
        "keddah.dev/database": "orders",
        "statefulset.kubernetes.io/pod-name": "orders-2",
        "apps.kubernetes.io/pod-index": "2",
    }
    assert tried["metadata"]["annotations"] == {"of": "the template"}
    [owner] = tried["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("StatefulSet", "uid-set", True)
    assert tried["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-orders-2"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    assert tried["spec"]["subdomain"] == "orders-pods"


def running(cpu: str, *inits: dict[str, Any]) -> Manifest:
    resources = {"requests": {"cpu": cpu, "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    return {"spec": {"containers": [{"resources": resources}, {}], "initContainers": list(inits)}}


INIT = {"resources": {"requests": {"cpu": "3"}}}


@pytest.mark.parametrize(
    ("requested", "used", "limited", "replaced", "room"),
    [
        ("pods=1", "pods=3", "pods=3", running("1"), True),
        ("pods=1", "pods=4", "pods=3", running("1"), False),
        ("requests.cpu=1500m", "requests.cpu=3", "requests.cpu=3500m", running("1"), True),
        ("requests.cpu=1501m", "requests.cpu=3", "requests.cpu=3500m", running("1"), False),
        ("cpu=2,pods=1", "cpu=3,pods=3", "cpu=3,pods=3", running("1"), False),
        ("limits.memory=2Gi", "limits.memory=6Gi", "limits.memory=6Gi", running("1"), True),
        ("requests.cpu=3", "requests.cpu=3", "requests.cpu=3", running("1"), False),
        ("requests.cpu=3", "requests.cpu=3", "requests.cpu=3", running("1", INIT), True),
        ("cpu=3", "cpu=4", "cpu=4", running("1", INIT | {"restartPolicy": "Always"}), True),
    ],
)
def test_a_full_quota_has_room_for_what_takes_the_place_of_something_as_large(
    requested: str, used: str, limited: str, replaced: Manifest, *, room: bool
) -> None:
    words = f'pods "orders-2" is forbidden: {QUOTA.format(requested, used, limited)}'
    assert fits(words, replaced) is room


def test_no_room_is_found_in_what_is_not_about_a_quota() -> None:
    assert not fits('pods "orders-2" is forbidden: maximum cpu usage per Container is 1', running("1"))


class Api(Kube):
    """Has events of the StatefulSet controller, and judges trials."""

    def __init__(self) -> None:
        self.events: list[Manifest] = []
        self.reads = 0
        self.answer: KubeError | None = None
        self.fails: KubeError | None = None

    async def list(
        self, kind: str, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """Give the events, if they are asked for as narrowly as possible."""
        if kind == "ControllerRevision":
            return []  # tests/unit/test_fallback.py has some
        assert (kind, namespace, labels) == ("Event", "shop", "")
        assert fields == "regarding.uid=uid-set,reason=FailedCreate"
        self.reads += 1
        if self.fails:
            raise self.fails
        return self.events

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Read the pod that is to be replaced."""
        assert (kind, namespace, name) == ("Pod", "shop", "orders-2")
        return running("1")

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Judge a trial."""
        assert dry_run
        if self.answer:
            raise self.answer
        return manifest


class Time:
    """What the two clocks of a reader say."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        """Return seconds."""
        return self.seconds

    def now(self) -> datetime:
        """Return the moment."""
        return NOW + timedelta(seconds=self.seconds)


async def test_nobody_is_asked_before_a_pod_is_missing_for_longer_than_usual() -> None:
    kube, time = Api(), Time()
    creations = Creations(kube, time.monotonic, time.now)
    assert await creations.look(KEY, statefulset(), members(3)) == Creation()
    assert await creations.look(KEY, statefulset(), members(2)) == Creation(("orders-2",), again=2.0)
    time.seconds = 1.9
    await creations.look(KEY, statefulset(), members(2))
    assert kube.reads == 0
    # It came, and another one is missing later: that one is new.
    await creations.look(KEY, statefulset(), members(3))
    time.seconds = 3.0
    await creations.look(KEY, statefulset(), members(2))
    assert kube.reads == 0


async def test_the_reason_is_read_within_seconds_and_the_statefulset_woken_every_few() -> None:
    kube, time = Api(), Time()
    kube.events = [event()]
    creations, owner = Creations(kube, time.monotonic, time.now), statefulset()
    woken: list[float] = []
    for tenth in range(3000):
        time.seconds = tenth / 10
        seen = await creations.look(KEY, owner, members(2))
        assert seen.missing == ("orders-2",)
        assert seen.refusal == (WORDS if time.seconds >= 2 else "")
        if seen.retry:
            woken.append(time.seconds)
            owner = statefulset(annotations={RETRIED: seen.retry})
    early, late = [s for s in woken if s < 60], [s for s in woken if s >= 70]
    assert early[0] == 2.0
    assert {round(b - a) for a, b in pairwise(early)} == {4}
    assert {round(b - a) for a, b in pairwise(late)} == {10}
    # Ten looks a second cost no more requests than that.
    assert kube.reads == pytest.approx(60 / 4 + 240 / 10, abs=2)


async def test_what_kept_another_pod_away_before_is_not_said_of_one_that_is_on_its_way() -> None:
    kube, time = Api(), Time()
    kube.events = [event(minutes=2)]
    creations, told = Creations(kube, time.monotonic, time.now), {}
    for second in range(20):
        time.seconds = float(second)
        told[second] = (await creations.look(KEY, statefulset(), members(2))).refusal
    assert (told[2], told[6], told[13], told[14]) == ("", "", "", WORDS)
    # A controller that has just started hears of it at once while another one's attempts are recent.
    creations, time.seconds = Creations(kube, time.monotonic, time.now), 0.0
    owner = statefulset(annotations={RETRIED: (NOW - timedelta(seconds=20)).isoformat()})
    await creations.look(KEY, owner, members(2))
    time.seconds = 2.0
    assert (await creations.look(KEY, owner, members(2))).refusal == WORDS


async def test_a_slow_statefulset_is_asked_about_ever_less() -> None:
    kube, time = Api(), Time()
    creations = Creations(kube, time.monotonic, time.now)
    looks: list[float] = []
    while time.seconds < 300:
        looks.append(time.seconds)
        again = (await creations.look(KEY, statefulset(), ())).again
        assert again is not None
        time.seconds += again
    assert looks == [0, 2, 6, 14, 30, 62, 122, 182, 242]
    assert kube.reads == len(looks) - 1
    # What is refused in the end is followed as closely as ever.
    kube.events = [event(minutes=-time.seconds / 60)]
    await creations.look(KEY, statefulset(), ())
    assert (await creations.look(KEY, statefulset(), ())).again == 10.0


async def test_another_process_does_not_wake_the_statefulset_sooner() -> None:
    kube, time = Api(), Time()
    kube.events = [event()]
    owner = statefulset(annotations={RETRIED: (NOW - timedelta(seconds=1)).isoformat()})
    creations = Creations(kube, time.monotonic, time.now)
    await creations.look(KEY, owner, ())
    time.seconds = 2.5
    assert (await creations.look(KEY, owner, ())).retry == ""
    time.seconds = 3.0
    assert (await creations.look(KEY, owner, ())).retry == "2026-11-29T12:00:03Z"


async def test_events_that_cannot_be_read_hold_nothing_up() -> None:
    kube, time = Api(), Time()
    kube.fails = Refused(403, "events is forbidden")
    creations = Creations(kube, time.monotonic, time.now)
    await creations.look(KEY, statefulset(), ())
    time.seconds = 3.0
    seen = await creations.look(KEY, statefulset(), ())
    assert (seen.refusal, seen.retry, kube.reads) == ("", "", 1)


NO_RIGHT = 'pods is forbidden: User "keddah" cannot create resource "pods" in API group "" in the namespace'
FULL = QUOTA.format("pods=1", "pods=3", "pods=3")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, ""),
        (Conflict(409, "create pods: exists"), ""),
        (Refused(403, "create pods: maximum cpu usage: 1"), "maximum cpu usage: 1"),
        (Refused(422, "create pods: Pod is invalid: spec.x"), "Pod is invalid: spec.x"),
        (Unavailable(500, "create pods: failed calling webhook: EOF"), "failed calling webhook: EOF"),
        (Refused(403, f"create pods: {NO_RIGHT}"), ""),
        (Refused(400, 'create pods: admission webhook "x" does not support dry run'), ""),
        (Refused(403, f"create pods: pods is forbidden: {FULL}"), ""),
        (Refused(403, f"create pods: no: {FULL}0"), ""),
        (Refused(403, f"create pods: no: {FULL[:-1]}2"), f"no: {FULL[:-1]}2"),
    ],
)
async def test_a_trial_says_what_would_become_of_the_pod(answer: KubeError | None, words: str) -> None:
    kube, time = Api(), Time()
    kube.answer = answer
    creations = Creations(kube, time.monotonic, time.now)
    assert await creations.refused(KEY, statefulset(), "orders-2") == words


async def test_a_trial_without_an_answer_is_made_again() -> None:
    kube, time = Api(), Time()
    kube.answer = Unavailable(0, "no answer")
    with pytest.raises(Unavailable):
        await Creations(kube, time.monotonic, time.now).refused(KEY, statefulset(), "orders-2")


REFUSED = Creation(("orders-1", "orders-2"), WORDS, "2026-11-29T12:00:00Z", 4.0)


def test_pods_that_are_refused_are_told_in_the_servers_words_and_asked_for_again() -> None:
    wish = intent(replicas=3)
    around = settled(wish, observed(members(3)))
    chosen = plan(wish, replace_creation(around, REFUSED, members(1)))
    assert chosen.outcome == Stalled(
        "PodsNotCreated", f"orders-1, orders-2 cannot be created: {WORDS}", after=4.0
    )
    [asked] = [action for action in chosen.actions if isinstance(action, RetryPods)]
    assert (asked.statefulset, asked.moment) == ("orders", "2026-11-29T12:00:00Z")
    quiet = replace_creation(around, Creation(("orders-1", "orders-2"), WORDS, "", 4.0), members(1))
    assert not [action for action in plan(wish, quiet).actions if isinstance(action, RetryPods)]


def test_a_missing_pod_is_looked_for_again_soon() -> None:
    wish = intent(replicas=3)
    around = settled(wish, observed(members(3)))
    waiting = plan(wish, replace_creation(around, Creation(("orders-2",), again=2.0), members(2))).outcome
    assert isinstance(waiting, Waiting)
    assert (waiting.reason, waiting.after) == ("InstancesStarting", 2.0)


def replace_creation(around: Any, creation: Creation, instances: Any) -> Any:  # noqa: ANN401
    return replace(around, creation=creation, instances=instances)


@pytest.mark.parametrize(
    ("outcome", "after"),
    [(Done(), 4.0), (Waiting(30, "x", ""), 4.0), (Waiting(2, "x", ""), 2), (Done("x", "", 9), 4.0)],
)
def test_only_what_would_be_later_is_made_sooner(outcome: Outcome, after: float) -> None:
    assert soon(outcome, observed(creation=REFUSED)).after == after
    assert soon(outcome, observed()) == outcome


def test_a_pod_that_is_kept_says_what_it_was_to_be_deleted_for() -> None:
    words = "orders-1 is kept (the pod template changed), for its successor could not be created: no"
    for step in (
        DeletePod("orders-1", "uid-1", "the pod template changed"),
        Discard("data-orders-1", "uid-c", "orders-1", "uid-1", "the pod template changed"),
    ):
        assert kept(step, "no") == Stalled("PodsNotCreated", words, after=5.0)
