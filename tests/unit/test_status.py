from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.observe.instances.instance import Instance
from controller.observe.state import Node, ObservedState
from controller.plan.outcome import Done, Stalled, Waiting
from controller.plan.upgrade import Choice, Postponed
from controller.protocol.member import LOST
from controller.report.status import status
from controller.report.transitions import transitions
from schemas.api.types import PostgreSQLDatabase, decode
from tests.factory import complete_database, typed_database
from tests.states import claim, members, observed, pod

NOW = "2026-11-23T08:00:00Z"
LATER = "2026-11-23T09:00:00Z"


def condition(result: dict[str, Any], kind: str) -> tuple[str, str]:
    found = next(c for c in result["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def stored(result: dict[str, Any], **spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    return decode({**complete_database(**spec), "status": result})


def test_a_healthy_database_is_ready_in_every_column() -> None:
    around = observed(members(3), server_version="17.6")
    result = status(typed_database(replicas=3), around, Done(), validated=True, now=NOW)
    assert (result["readyReplicas"], result["ready"], result["replicas"]) == (3, "3/3", 3)
    assert (result["primary"], result["currentVersion"], result["observedGeneration"]) == (
        "orders-0",
        "17.6",
        1,
    )
    assert condition(result, "Ready") == ("True", "Ready")
    assert condition(result, "Stalled") == ("False", "Ready")
    assert condition(result, "Replicated") == ("True", "Streaming")


@pytest.mark.parametrize(
    ("spec", "instances", "pods"),
    [
        ({"replicas": 3}, members(3), "orders-0,orders-1,orders-2"),
        ({"replicas": 12}, members(2), ",".join(f"orders-{n}" for n in range(12))),
        ({"replicas": 1}, members(3), "orders-0,orders-1,orders-2"),
        ({"replicas": 2, "hibernated": True}, (), "orders-0,orders-1"),
    ],
)
def test_an_autoscaler_counts_the_pods_of_the_database_by_name(
    spec: dict[str, Any], instances: tuple[Instance, ...], pods: str
) -> None:
    result = status(typed_database(**spec), observed(instances), Done(), validated=True, now=NOW)
    wanted = f"keddah.dev/database=orders,statefulset.kubernetes.io/pod-name in ({pods})"
    assert result["selector"] == wanted


def test_an_unchanged_world_gives_an_equal_status_at_any_time() -> None:
    around = observed(members(3), server_version="17.6")
    first = status(typed_database(replicas=3), around, Done(), validated=True, now=NOW)
    assert status(stored(first, replicas=3), around, Done(), validated=True, now=LATER) == first


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    around = observed(members(3))
    first = status(typed_database(replicas=3), around, Done(), validated=True, now=NOW)
    down = replace(around, instances=(*around.instances[:2], pod(2, ready=False)))
    waiting = Waiting(5, "StandbysCatchingUp", "2 of 3 instances serve")
    second = status(stored(first, replicas=3), down, waiting, validated=True, now=LATER)
    assert condition(second, "Ready") == ("False", "StandbysCatchingUp")
    assert [c["lastTransitionTime"] for c in second["conditions"] if c["type"] == "Ready"] == [LATER]
    assert [c["lastTransitionTime"] for c in second["conditions"] if c["type"] == "Stalled"] == [NOW]


def test_a_generation_that_was_not_judged_is_not_claimed() -> None:
    result = status(typed_database(), observed(), Waiting(5, "Reconciling", ""), validated=False, now=NOW)
    assert "observedGeneration" not in result


def test_the_version_of_before_stays_while_nobody_answers() -> None:
    first = status(
        typed_database(), observed(members(1), server_version="17.6"), Done(), validated=True, now=NOW
    )
    gone = status(stored(first), observed(), Waiting(5, "NoPrimary", ""), validated=True, now=NOW)
    assert gone["currentVersion"] == "17.6"
    assert "primary" not in gone


def test_a_stalled_database_says_what_would_be_right() -> None:
    stalled = Stalled("StorageClassNotFound", "StorageClass nope does not exist")
    result = status(typed_database(), observed(), stalled, validated=True, now=NOW)
    assert condition(result, "Ready") == ("False", "StorageClassNotFound")
    assert condition(result, "Stalled") == ("True", "StorageClassNotFound")


def test_a_message_is_never_too_long_for_the_api_server() -> None:
    outcome = Stalled("ProvisioningFailed", "x" * 100_000)
    for each in status(typed_database(), observed(), outcome, validated=True, now=NOW)["conditions"]:
        assert len(each["message"]) <= 32_768


STUCK = Stalled("VolumeCannotGrow", "StorageClass fixed does not allow volumes to grow")


@pytest.mark.parametrize(
    ("instances", "serves"),
    [
        (members(3), "True"),
        (members(2), "False"),
        ((pod(0, "primary", ready=False), pod(1), pod(2)), "False"),
        ((pod(0), pod(1), pod(2)), "False"),
    ],
    ids=["all serve", "one is missing", "its primary does not serve", "no primary"],
)
def test_what_a_user_must_decide_takes_nothing_from_those_who_serve(
    instances: tuple[Instance, ...], serves: str
) -> None:
    result = status(typed_database(replicas=3), observed(instances), STUCK, validated=True, now=NOW)
    assert condition(result, "Ready") == (serves, "VolumeCannotGrow")


def test_a_hibernated_database_is_as_declared_once_the_last_pod_has_gone() -> None:
    asleep = typed_database(replicas=3, hibernated=True)
    done = Done("Hibernated", "No pods; the volumes are kept")
    result = status(asleep, observed(), done, validated=True, now=NOW)
    assert (result["ready"], condition(result, "Ready")) == ("0/0", ("True", "Hibernated"))
    assert condition(result, "Replicated") == ("False", "Hibernated")
    assert transitions({}, result) == [("Normal", "Hibernated", "No pods; the volumes are kept")]
    going = Waiting(30, "Hibernating", "waiting for orders-0 to stop")
    result = status(asleep, observed((pod(0, deleting=True),)), going, validated=True, now=NOW)
    assert (result["replicas"], condition(result, "Ready")) == (1, ("False", "Hibernating"))
    assert transitions({}, result) == []


def test_an_instance_that_is_on_its_way_out_is_one_too_many_and_does_not_count() -> None:
    instances = (*members(2), pod(2, deleting=True))
    ending = Waiting(30, "InstancesEnding", "2 of 2 instances serve")
    result = status(typed_database(replicas=2), observed(instances), ending, validated=True, now=NOW)
    assert (result["ready"], result["replicas"]) == ("2/2", 3)
    assert condition(result, "Ready") == ("False", "InstancesEnding")
    result = status(typed_database(replicas=2), observed(members(3)), ending, validated=True, now=NOW)
    assert condition(result, "Ready") == ("False", "InstancesEnding")


def test_an_instance_that_is_not_ready_does_not_count() -> None:
    around = observed((pod(0, "primary"), pod(1, ready=False)))
    waiting = Waiting(30, "InstancesStarting", "1 of 2 instances serve")
    assert status(typed_database(replicas=2), around, waiting, validated=True, now=NOW)["ready"] == "1/2"


def test_a_primary_that_lost_the_lock_is_not_shown() -> None:
    around = observed((pod(0, "primary"), pod(1, "primary")))
    lead = replace(around.leadership, holder="orders-1")
    result = status(
        typed_database(replicas=2), replace(around, leadership=lead), Done(), validated=True, now=NOW
    )
    assert result["primary"] == "orders-1"


@pytest.mark.parametrize(("behind", "said"), [(0, "none behind"), (1, "16 MiB"), (17 << 20, "32 MiB")])
def test_lag_is_told_in_whole_segments(behind: int, said: str) -> None:
    instances = (pod(0, "primary", position=100 << 20), pod(1, position=(100 << 20) - behind))
    result = status(typed_database(replicas=2), observed(instances), Done(), validated=True, now=NOW)
    assert said in next(c["message"] for c in result["conditions"] if c["type"] == "Replicated")


@pytest.mark.parametrize(
    ("third", "reason", "message"),
    [
        ({}, "Streaming", "2 of 2 standbys stream, at most 16 MiB behind"),
        (
            {"ready": False, "position": 0},
            "StandbysBehind",
            (
                "1 of 2 standbys stream, at most 16 MiB behind; "
                "orders-2 is 112 MiB behind, so its answers are old"
            ),
        ),
        (
            {"ready": False, "position": 0, "streaming": False},
            "StandbysMissing",
            "1 of 2 standbys stream, at most 16 MiB behind",
        ),
        (
            {"position": -(900 << 20)},
            "StandbysBehind",
            (
                "2 of 2 standbys stream, at most 1008 MiB behind; "
                "orders-2 is 1008 MiB behind, so its answers are old"
            ),
        ),
        (
            {"position": None},
            "Streaming",
            "2 of 2 standbys stream, at most 16 MiB behind, as far as is known (orders-2 does not tell)",
        ),
        ({"ready": False}, "StandbysMissing", "1 of 2 standbys stream, at most 16 MiB behind"),
        ({"deleting": True}, "StandbysMissing", "1 of 2 standbys stream, at most 16 MiB behind"),
    ],
    ids=[
        "streams",
        "far behind and not ready",
        "does not stream",
        "far behind",
        "unknown",
        "not ready yet",
        "going",
    ],
)
def test_replicated_is_true_only_while_every_standby_streams_however_far_behind(
    third: dict[str, Any], reason: str, message: str
) -> None:
    here, near = 100 << 20, 99 << 20
    instances = (
        pod(0, "primary", position=here),
        pod(1, position=near),
        pod(2, **{"position": here} | third),
    )
    result = status(typed_database(replicas=3), observed(instances), Done(), validated=True, now=NOW)
    told = next(c for c in result["conditions"] if c["type"] == "Replicated")
    assert (told["status"], told["reason"]) == (str(message.startswith("2 of 2")), reason)
    assert told["message"] == message


def test_an_event_is_told_only_when_ready_changes() -> None:
    ready = status(typed_database(), observed(members(1)), Done(), validated=True, now=NOW)
    assert transitions({}, ready) == [("Normal", "Ready", "1 of 1 instances serve")]
    assert transitions(ready, ready) == []
    growing = Waiting(30, "VolumesGrowing", "data-orders-0 10Gi -> 20Gi")
    another = status(typed_database(), observed(members(1)), growing, validated=True, now=NOW)
    assert transitions(ready, another) == [
        ("Normal", "VolumesGrowing", "1 of 1 instances serve; data-orders-0 10Gi -> 20Gi")
    ]


def test_a_full_disk_is_a_warning_though_every_instance_serves() -> None:
    full = Stalled("DiskFull", "disk full: orders-0")
    result = status(typed_database(), observed(members(1)), full, validated=True, now=NOW)
    assert condition(result, "Ready") == ("True", "DiskFull")
    assert transitions({}, result) == [("Warning", "DiskFull", "disk full: orders-0")]


def pods(*images: str) -> dict[str, Any]:
    made = {
        f"orders-{n}": {"spec": {"containers": [{"name": "postgres", "image": i}]}}
        for n, i in enumerate(images)
    }
    return {"Pod": made}


NEW_IMAGE, OLD_IMAGE = "registry/a:2", "registry/a:1"
HELD = Postponed(
    "UpgradePending", "17.5 -> 17.6: the policy's maintenance window opens at 2026-11-28T02:00:00Z"
)


@pytest.mark.parametrize(
    ("choice", "images", "reports", "told"),
    [
        (Choice(NEW_IMAGE, "17.6"), (NEW_IMAGE, NEW_IMAGE), "17.6", ("True", "AsAllowed")),
        (Choice(NEW_IMAGE, "17.6"), (OLD_IMAGE, NEW_IMAGE), "17.5", ("False", "Upgrading")),
        (Choice(NEW_IMAGE, "17.6"), (NEW_IMAGE, NEW_IMAGE), "17.5", ("False", "VersionMismatch")),
        (Choice(NEW_IMAGE, "17.6"), (NEW_IMAGE, NEW_IMAGE), None, ("Unknown", "NotReported")),
        (Choice(OLD_IMAGE, None, HELD), (OLD_IMAGE, OLD_IMAGE), "17.5", ("False", "UpgradePending")),
        (None, (OLD_IMAGE, OLD_IMAGE), "17.5", ("Unknown", "Ready")),
    ],
)
def test_up_to_date_tells_how_the_image_stands_and_leaves_ready_alone(
    choice: Choice | None, images: tuple[str, ...], reports: str | None, told: tuple[str, str]
) -> None:
    around = observed(members(2), server_version=reports, children=pods(*images))
    result = status(typed_database(replicas=2), around, Done(), choice, validated=True, now=NOW)
    assert condition(result, "UpToDate") == told
    assert condition(result, "Ready") == ("True", "Ready")
    assert condition(result, "Reconciling") == ("False", "Ready")


def test_an_upgrade_is_told_from_its_announcement_to_its_end() -> None:
    old, new = pods(OLD_IMAGE), pods(NEW_IMAGE)
    story: list[str] = []
    last: dict[str, Any] = {}
    for choice, children, reports in (
        (Choice(OLD_IMAGE, "17.5"), old, "17.5"),
        (Choice(OLD_IMAGE, None, HELD), old, "17.5"),
        (Choice(NEW_IMAGE, "17.6"), old, "17.5"),
        (Choice(NEW_IMAGE, "17.6"), new, "17.6"),
        (Choice(NEW_IMAGE, "17.6"), new, "17.6"),
    ):
        around = observed(members(1), server_version=reports, children=children)
        result = status(typed_database(), around, Done(), choice, validated=True, now=NOW)
        story += [reason for _, reason, _ in transitions(last, result)]
        last = result
    assert story == ["Ready", "UpgradePending", "Upgrading", "UpToDate"]


def test_a_refused_downgrade_is_a_warning() -> None:
    held = Choice(NEW_IMAGE, None, Postponed("DowngradeRefused", "17.6 runs"))
    result = status(typed_database(), observed(members(1)), Done(), held, validated=True, now=NOW)
    assert ("Warning", "DowngradeRefused", "17.6 runs") in transitions({}, result)


def replicated(around: ObservedState, **spec: Any) -> tuple[str, str]:  # noqa: ANN401
    result = status(typed_database(replicas=2, **spec), around, Done(), validated=True, now=NOW)
    return condition(result, "Replicated")


def test_replicated_waits_for_a_standby_that_acknowledges_commits() -> None:
    around = observed(members(2))
    unnamed = replace(around, leadership=replace(around.leadership, synchronous=frozenset()))
    elsewhere = replace(around, leadership=replace(around.leadership, synchronous=frozenset({"orders-7"})))
    assert replicated(around) == ("True", "Streaming")
    assert replicated(unnamed) == replicated(elsewhere) == ("False", "NotSynchronous")
    assert replicated(unnamed, synchronous="Strict") == ("False", "NotSynchronous")
    assert replicated(unnamed, synchronous="Off") == ("True", "Streaming")


def test_replicated_says_what_is_missing() -> None:
    gone = observed(members(1))
    assert replicated(gone) == ("False", "StandbysMissing")
    nobody = observed((pod(0), pod(1)))
    assert replicated(nobody) == ("False", "NoPrimary")
    result = status(typed_database(replicas=1), gone, Done(), validated=True, now=NOW)
    assert condition(result, "Replicated") == ("False", "SingleInstance")


@pytest.mark.parametrize(
    "primary",
    [pod(0, "primary", ready=False), pod(0, "standby"), pod(0, "primary", deleting=True)],
    ids=["its pod is not Ready", "its label is not there yet", "its pod is going"],
)
def test_ready_waits_for_the_pod_and_the_label_of_the_primary(primary: Instance) -> None:
    around = observed((primary,))
    locked = replace(around, leadership=replace(around.leadership, holder="orders-0"))
    result = status(typed_database(), locked, Waiting(5, "Creating", ""), validated=True, now=NOW)
    assert condition(result, "Ready") == ("False", "Creating")
    healthy = replace(locked, instances=(pod(0, "primary"),))
    result = status(typed_database(), healthy, Waiting(5, "Creating", ""), validated=True, now=NOW)
    assert condition(result, "Ready") == ("True", "Creating")


@pytest.mark.parametrize(
    ("ready", "node_ready", "named"),
    [(True, True, "orders-0"), (True, False, "orders-0"), (False, True, "orders-0"), (False, False, None)],
)
def test_a_primary_of_which_nobody_hears_is_not_named(
    ready: bool,  # noqa: FBT001
    node_ready: bool,  # noqa: FBT001
    named: str | None,
) -> None:
    around = observed((pod(0, "primary", ready=ready), pod(1, ready=False, streaming=False)))
    around = replace(around, nodes={around.instances[0].node: Node(ready=node_ready, cordoned=False)})
    result = status(typed_database(replicas=2), around, Waiting(5, "X", ""), validated=True, now=NOW)
    assert result.get("primary") == named


def test_slots_that_hold_wal_for_consumers_that_are_away_are_named_and_told() -> None:
    instances = (pod(0, "primary", slots={"debezium": 256}), pod(1))
    result = status(typed_database(replicas=2), observed(instances), Done(), validated=True, now=NOW)
    assert condition(result, "Replicated") == ("True", "SlotHoldsWAL")
    told = [
        (kind, reason) for kind, reason, message in transitions({}, result) if "debezium (256 MiB)" in message
    ]
    assert told == [("Warning", "SlotHoldsWAL")]


def test_slots_that_are_invalid_are_told_before_those_that_hold_wal() -> None:
    instances = (pod(0, "primary", slots={"cdc": LOST, "archive": LOST, "debezium": 256}), pod(1))
    result = status(typed_database(replicas=2), observed(instances), Done(), validated=True, now=NOW)
    told = [message for _, reason, message in transitions({}, result) if reason == "SlotInvalid"]
    words = "replication slots are invalid, and their consumers miss changes: archive, cdc; drop them"
    assert condition(result, "Replicated") == ("True", "SlotInvalid")
    assert [words in message for message in told] == [True]


def test_the_largest_volume_is_told_and_stays_while_nobody_sees_one() -> None:
    around = replace(observed(members(2)), claims=(claim(0, capacity="20Gi"), claim(1, capacity="10Gi")))
    first = status(typed_database(), around, Done(), validated=True, now=NOW)
    assert first["volumeSize"] == "20Gi"
    later = status(stored(first), observed(), Done(), validated=True, now=NOW)
    assert later["volumeSize"] == "20Gi"
