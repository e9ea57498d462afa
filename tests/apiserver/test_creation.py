"""Pods that the API server refuses: the reason is told, nothing is given up for them, and they come soon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.children import KIND, condition, wait_condition
from tests.kubelet import Kubelet
from tests.refusals import refusing
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.controller_process import ControllerProcess
    from tests.rest import Rest

CLASS = "creation"
TOO_MUCH = "maximum cpu usage per Container is 100m, but limit is"
LIFTED_SECONDS = 15
BACK_SECONDS = 40
MARKED = {"template": {"annotations": {"marked": "yes"}}}
RESTING_SECONDS = 6
"""Longer than keddah waits before it tries again."""


@pytest.fixture(scope="module", autouse=True)
def storage(rest: Rest) -> Iterator[None]:
    rest.create(factory.storage_class(CLASS)).expect()
    yield
    rest.delete("StorageClass", None, CLASS)


@pytest.fixture
def shop(rest: Rest, restricted: str, controller: ControllerProcess) -> Iterator[str]:
    """Give a namespace in which pods run."""
    del controller  # it acts
    with Kubelet(rest, restricted):
        yield restricted


def make(rest: Rest, namespace: str, cpu: str, **spec: Any) -> None:  # noqa: ANN401
    whole = {"version": "17", "replicas": 3, "storage": {"storageClassName": CLASS}, "resources": sized(cpu)}
    whole["backupSchedule"] = ""  # the pods that are counted are the instances'
    rest.create(factory.submitted("orders", namespace, **whole | spec)).expect()


def sized(cpu: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}


def uids(rest: Rest, namespace: str) -> dict[str, str]:
    pods = rest.list("Pod", namespace, labelSelector="keddah.dev/database=orders")
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}


def test_pods_that_are_refused_are_told_and_made_soon_after_the_rule_is_gone(rest: Rest, shop: str) -> None:
    rest.create(factory.limit_range(shop, "100m")).expect()
    make(rest, shop, "200m")
    told = wait_condition(rest, shop, "Stalled", "PodsNotCreated", seconds=10)
    assert told["status"] == "True"
    assert told["message"].startswith("orders-0, orders-1, orders-2 cannot be created: pods ")
    assert TOO_MUCH in told["message"]
    assert condition(rest, shop, "Ready")["status"] == "False"
    rest.delete("LimitRange", shop, "small").expect()
    wait_condition(rest, shop, "Ready", "Ready", seconds=LIFTED_SECONDS)
    assert len(uids(rest, shop)) == 3


def test_no_pod_is_given_up_for_one_that_would_be_refused(rest: Rest, shop: str) -> None:
    make(rest, shop, "100m")
    wait_condition(rest, shop, "Ready", "Ready")
    before = uids(rest, shop)
    rest.create(factory.limit_range(shop, "100m")).expect()
    rest.merge(KIND, shop, "orders", {"spec": {"resources": sized("200m")}}).expect()
    told = wait_condition(rest, shop, "Stalled", "PodsNotCreated", seconds=10)
    assert told["message"].startswith("orders-2 is kept (the pod template changed), for its successor")
    assert TOO_MUCH in told["message"]
    time.sleep(RESTING_SECONDS)
    assert uids(rest, shop) == before
    assert condition(rest, shop, "Ready")["status"] == "True"
    # The mistake taken back needs nobody's restart.
    rest.merge(KIND, shop, "orders", {"spec": {"resources": sized("100m")}}).expect()
    wait_condition(rest, shop, "Ready", "Ready", seconds=LIFTED_SECONDS)
    assert uids(rest, shop) == before
    # Allowed in the end, it is rolled out.
    rest.merge(KIND, shop, "orders", {"spec": {"resources": sized("200m")}}).expect()
    wait_condition(rest, shop, "Stalled", "PodsNotCreated", seconds=10)
    rest.delete("LimitRange", shop, "small").expect()
    until(lambda: uids(rest, shop).get("orders-2") not in (None, before["orders-2"]), LIFTED_SECONDS)


@pytest.fixture
def hidden_rule(rest: Rest, shop: str) -> Iterator[None]:
    """Refuse pods that are marked, and take no part in dry runs, as some webhooks do."""
    rule = {"operations": ["CREATE"], "resources": ["pods"]}
    unmarked = "!has(object.metadata.annotations) || !('marked' in object.metadata.annotations)"
    real = [{"name": "real", "expression": "!has(request.dryRun) || !request.dryRun"}]
    with refusing(rest, shop, rule, unmarked, "marked pods are not wanted", matchConditions=real):
        make(rest, shop, "100m")
        wait_condition(rest, shop, "Ready", "Ready")
        live = rest.get("Pod", shop, "orders-0")
        assert live
        unplaced = {key: value for key, value in live["spec"].items() if key != "nodeName"}
        marked = {"name": "probe", "namespace": shop, "annotations": {"marked": "yes"}}
        probe = {"apiVersion": "v1", "kind": "Pod", "metadata": marked, "spec": unplaced}

        def in_force() -> bool:
            answer = rest.create(probe)
            if answer.accepted:
                rest.delete("Pod", shop, "probe")
            return "not wanted" in answer.message

        until(in_force)
        yield


def revisions(rest: Rest, namespace: str) -> dict[str, str]:
    pods = rest.list("Pod", namespace, labelSelector="keddah.dev/database=orders")
    return {pod["metadata"]["name"]: pod["metadata"]["labels"]["controller-revision-hash"] for pod in pods}


def test_what_only_the_real_creation_meets_costs_one_standby_seconds(
    rest: Rest, shop: str, hidden_rule: None
) -> None:
    del hidden_rule
    before, first = uids(rest, shop), revisions(rest, shop)
    rest.merge(KIND, shop, "orders", {"spec": MARKED}).expect()
    told = wait_condition(rest, shop, "Stalled", "RolledBack", seconds=BACK_SECONDS)
    assert "marked pods are not wanted" in told["message"]
    until(lambda: revisions(rest, shop) == first, LIFTED_SECONDS)
    until(lambda: condition(rest, shop, "Ready")["status"] == "True", LIFTED_SECONDS)
    after = uids(rest, shop)
    assert [name for name in before if after[name] != before[name]] == ["orders-2"]
    found = condition(rest, shop, "UpToDate")
    assert (found["status"], found["reason"], found["message"]) == ("False", "RolledBack", told["message"])
    time.sleep(RESTING_SECONDS)
    assert uids(rest, shop) == after
    # The mistake taken back needs nobody's restart.
    rest.merge(KIND, shop, "orders", {"spec": {"template": None}}).expect()
    wait_condition(rest, shop, "Ready", "Ready", seconds=LIFTED_SECONDS)
    assert (uids(rest, shop), revisions(rest, shop)) == (after, first)
    # Corrected, it is rolled out.
    corrected = {"template": {"annotations": {"corrected": "yes"}}}
    rest.merge(KIND, shop, "orders", {"spec": corrected}).expect()
    until(lambda: revisions(rest, shop).get("orders-2") not in (None, first["orders-2"]), LIFTED_SECONDS)


def test_the_only_instance_comes_back_too(rest: Rest, shop: str) -> None:
    make(rest, shop, "100m", replicas=1)
    wait_condition(rest, shop, "Ready", "Ready")
    first = revisions(rest, shop)
    rest.create(factory.limit_range(shop, "100m")).expect()
    rest.merge(KIND, shop, "orders", {"spec": {"resources": sized("200m")}}).expect()
    wait_condition(rest, shop, "Stalled", "PodsNotCreated", seconds=10)
    # It is kept; and if it is lost meanwhile, one as before comes, which the rule allows.
    rest.delete("Pod", shop, "orders-0").expect()
    told = wait_condition(rest, shop, "Stalled", "RolledBack", seconds=BACK_SECONDS)
    assert TOO_MUCH in told["message"]
    until(lambda: revisions(rest, shop) == first, LIFTED_SECONDS)


def test_a_standby_that_was_lost_takes_no_other_with_it(rest: Rest, shop: str) -> None:
    make(rest, shop, "100m")
    wait_condition(rest, shop, "Ready", "Ready")
    before = uids(rest, shop)
    rest.create(factory.limit_range(shop, "50m")).expect()
    rest.delete("Pod", shop, "orders-2").expect()
    rest.merge(KIND, shop, "orders", {"spec": {"template": {"annotations": {"a": "b"}}}}).expect()
    told = wait_condition(rest, shop, "Stalled", "PodsNotCreated", seconds=10)
    assert told["message"].startswith("orders-2 cannot be created: ")
    time.sleep(RESTING_SECONDS)
    assert uids(rest, shop) == {name: uid for name, uid in before.items() if name != "orders-2"}
    rest.delete("LimitRange", shop, "small").expect()
    until(lambda: "orders-2" in uids(rest, shop), LIFTED_SECONDS)
