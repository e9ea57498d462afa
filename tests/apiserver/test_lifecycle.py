"""A database from its creation to its end, with pods played through the API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.children import INSTANCES, KEPT, KIND, SECRETS, condition, live, passwords, wait_condition
from tests.kstatus import Kstatus, kstatus
from tests.kubelet import Kubelet
from tests.rest import path
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kubectl import Kubectl
    from tests.rest import Object, Rest

pytestmark = pytest.mark.usefixtures("controller")

CLASS = "fast"

WATCH_SECONDS = 3


@pytest.fixture(scope="module", autouse=True)
def fast(rest: Rest) -> Iterator[None]:
    rest.create(factory.storage_class(CLASS, allowVolumeExpansion=True)).expect()
    yield
    rest.delete("StorageClass", None, CLASS)


@pytest.fixture
def shop(rest: Rest, restricted: str) -> Iterator[str]:
    """Give a namespace in which pods run."""
    with Kubelet(rest, restricted):
        yield restricted
        rest.send("DELETE", f"/apis/keddah.dev/v1alpha1/namespaces/{restricted}/postgresqldatabases")


def make(rest: Rest, namespace: str, /, *, ready: bool = True, **spec: Any) -> Object:  # noqa: ANN401
    whole = {"version": "17", "replicas": 2, "storage": {"storageClassName": CLASS}, **spec}
    made = rest.create(factory.submitted("orders", namespace, **whole)).expect()
    if ready:
        wait_condition(rest, namespace, "Ready", "Ready")
    return made


def change(rest: Rest, namespace: str, /, **spec: Any) -> Object:  # noqa: ANN401
    return rest.merge(KIND, namespace, "orders", {"spec": spec}).expect()


def pods(rest: Rest, namespace: str) -> dict[str, Object]:
    return {pod["metadata"]["name"]: pod for pod in rest.list("Pod", namespace, labelSelector=INSTANCES)}


def claims(rest: Rest, namespace: str) -> dict[str, Object]:
    found = rest.list("PersistentVolumeClaim", namespace, labelSelector=INSTANCES)
    return {claim["metadata"]["name"]: claim for claim in found}


def computed(rest: Rest, namespace: str) -> Kstatus:
    return kstatus(rest.get(KIND, namespace, "orders") or {})


def replicas(rest: Rest, namespace: str) -> int:
    statefulset = rest.get("StatefulSet", namespace, "orders")
    return int(statefulset["spec"]["replicas"]) if statefulset else -1


def test_a_database_becomes_ready_and_says_so(rest: Rest, kubectl: Kubectl, shop: str) -> None:
    make(rest, shop)
    kubectl.good("wait", "pgdb/orders", "-n", shop, "--for=condition=Ready", "--timeout=50s")
    until(lambda: condition(rest, shop, "Reconciling").get("status") == "False")
    database = rest.get(KIND, shop, "orders")
    assert database is not None
    status = database["status"]
    assert (status["ready"], status["readyReplicas"], status["replicas"]) == ("2/2", 2, 2)
    assert status["primary"] == "orders-0"
    assert status["observedGeneration"] == database["metadata"]["generation"]
    assert condition(rest, shop, "Stalled")["status"] == "False"
    assert condition(rest, shop, "Reconciling")["status"] == "False"
    assert condition(rest, shop, "Replicated")["status"] == "True"
    # Events are sent in the background.
    told = ("get", "events", "-n", shop, "--field-selector", "reason=Ready")
    until(lambda: "orders" in kubectl.good(*told))


def test_a_missing_storage_class_is_said_and_its_arrival_repairs(rest: Rest, shop: str) -> None:
    make(rest, shop, ready=False, storage={"storageClassName": "slow"})
    stalled = wait_condition(rest, shop, "Stalled", "StorageClassNotFound")
    assert "StorageClass slow does not exist" in stalled["message"]
    assert "fast" in stalled["message"]
    rest.create(factory.storage_class("slow")).expect()
    try:
        wait_condition(rest, shop, "Ready", "Ready")
    finally:
        rest.delete("StorageClass", None, "slow")


def test_growing_adds_instances_and_shrinking_keeps_their_claims(rest: Rest, shop: str) -> None:
    make(rest, shop, replicas=1)
    change(rest, shop, replicas=3)
    until(lambda: set(pods(rest, shop)) == {"orders-0", "orders-1", "orders-2"})
    until(lambda: condition(rest, shop, "Replicated").get("status") == "True")
    change(rest, shop, replicas=1)
    until(lambda: set(pods(rest, shop)) == {"orders-0"})
    assert set(claims(rest, shop)) == {"data-orders-0", "data-orders-1", "data-orders-2"}
    until(lambda: condition(rest, shop, "Ready").get("message") == "1 of 1 instances serve")


def test_a_primary_that_would_be_removed_is_never_removed_by_surprise(rest: Rest, restricted: str) -> None:
    with Kubelet(rest, restricted) as kubelet:
        make(rest, restricted, replicas=2)
        kubelet.promote("orders", "orders-1")
        until(lambda: (rest.get(KIND, restricted, "orders") or {})["status"].get("primary") == "orders-1")
        before = pods(rest, restricted)["orders-1"]["metadata"]["uid"]
        change(rest, restricted, replicas=1)
        until(lambda: condition(rest, restricted, "Reconciling").get("status") == "True")
        # Nobody answers at Patroni's port: the switchover is tried again, and nothing else may happen.
        assert replicas(rest, restricted) == 2
        assert pods(rest, restricted)["orders-1"]["metadata"]["uid"] == before
        kubelet.promote("orders", "orders-0")
        until(lambda: set(pods(rest, restricted)) == {"orders-0"}, 40)


def test_a_change_of_the_template_restarts_standbys_first(rest: Rest, shop: str) -> None:
    make(rest, shop, replicas=2)
    before = {name: pod["metadata"]["uid"] for name, pod in pods(rest, shop).items()}
    change(rest, shop, resources={"requests": {"cpu": "200m"}})

    def restarted(name: str) -> bool:
        pod = pods(rest, shop).get(name)
        return pod is not None and pod["metadata"]["uid"] != before[name]

    until(lambda: restarted("orders-1"), 40)
    assert not restarted("orders-0")
    container = pods(rest, shop)["orders-1"]["spec"]["containers"][0]
    assert container["resources"]["requests"]["cpu"] == "200m"


def test_a_parameter_reaches_patroni_without_a_restart(rest: Rest, shop: str) -> None:
    make(rest, shop)
    before = {name: pod["metadata"]["uid"] for name, pod in pods(rest, shop).items()}
    change(rest, shop, parameters={"work_mem": "9MB"})

    def told() -> bool:
        config = rest.get("ConfigMap", shop, "orders-config")
        return config is not None and '"work_mem":"9MB"' in config["metadata"]["annotations"]["config"]

    until(told)
    wait_condition(rest, shop, "Ready", "Ready")
    assert {name: pod["metadata"]["uid"] for name, pod in pods(rest, shop).items()} == before


def test_what_patroni_adds_to_its_config_map_stays(rest: Rest, shop: str) -> None:
    make(rest, shop)
    change(rest, shop, parameters={"work_mem": "9MB"})
    until(
        lambda: (
            "9MB" in (rest.get("ConfigMap", shop, "orders-config") or {})["metadata"]["annotations"]["config"]
        )
    )
    config = rest.get("ConfigMap", shop, "orders-config")
    assert config is not None
    assert config["metadata"]["annotations"]["initialize"] == "7300000000000000001"


def test_hibernation_takes_the_pods_and_waking_brings_all_of_them_back(
    rest: Rest, kubectl: Kubectl, shop: str
) -> None:
    make(rest, shop)
    kept = {name: claim["metadata"]["uid"] for name, claim in claims(rest, shop).items()}
    change(rest, shop, hibernated=True)
    until(lambda: pods(rest, shop) == {})
    hibernated = wait_condition(rest, shop, "Ready", "Hibernated")
    assert hibernated["status"] == "True"
    kubectl.good("wait", "pgdb/orders", "-n", shop, "--for=condition=Ready", "--timeout=5s")
    until(lambda: computed(rest, shop) == "Current")
    scale = rest.send("GET", path(KIND, shop, "orders", "scale")).expect()
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 0)
    assert {name: claim["metadata"]["uid"] for name, claim in claims(rest, shop).items()} == kept
    change(rest, shop, hibernated=False)
    wait_condition(rest, shop, "Ready", "Ready", seconds=40)
    assert set(pods(rest, shop)) == {"orders-0", "orders-1"}


def test_larger_storage_grows_the_claims(rest: Rest, shop: str) -> None:
    make(rest, shop, storage={"size": "1Gi", "storageClassName": CLASS})
    change(rest, shop, storage={"size": "2Gi"})

    def sizes() -> set[str]:
        return {claim["spec"]["resources"]["requests"]["storage"] for claim in claims(rest, shop).values()}

    until(lambda: sizes() == {"2Gi"}, why=sizes)
    wait_condition(rest, shop, "Ready", "Ready")


def test_a_claim_that_argo_would_take_for_its_own_is_kept_from_it(rest: Rest, shop: str) -> None:
    make(rest, shop, replicas=1)
    old = {"metadata": {"labels": {"app.kubernetes.io/instance": "orders"}, "annotations": None}}
    rest.merge("PersistentVolumeClaim", shop, "data-orders-0", old).expect()

    def spared() -> bool:
        metadata = claims(rest, shop)["data-orders-0"]["metadata"]
        told = metadata.get("annotations", {}).get("argocd.argoproj.io/sync-options", "")
        return "app.kubernetes.io/instance" not in metadata["labels"] and "Prune=false" in told

    until(spared, why=lambda: claims(rest, shop))


def test_volumes_without_their_config_map_are_named_until_somebody_says_what_they_hold(
    rest: Rest, kubectl: Kubectl, shop: str
) -> None:
    make(rest, shop, replicas=1)
    rest.delete(KIND, shop, "orders").expect()
    until(lambda: rest.get("StatefulSet", shop, "orders") is None and pods(rest, shop) == {})
    rest.delete("ConfigMap", shop, "orders-config").expect()
    # Of what was deleted a moment ago the watch may not have told yet: to the controller it is still there.
    time.sleep(WATCH_SECONDS)
    make(rest, shop, replicas=1, ready=False)
    stalled = wait_condition(rest, shop, "Stalled", "VolumesUnknown")
    assert "(data-orders-0), but orders-config is gone" in stalled["message"]
    assert rest.get("StatefulSet", shop, "orders") is None
    ways = stalled["message"].partition("say so: ")[2].partition("; or")[0]
    for way in ways.split(" && "):
        kubectl.good(*way.removeprefix("kubectl ").split())
    wait_condition(rest, shop, "Ready", "Ready")


def test_retain_keeps_credentials_and_volumes_for_the_next_object_of_that_name(rest: Rest, shop: str) -> None:
    first = make(rest, shop)
    before = passwords(rest, shop)
    kept = {name: claim["metadata"]["uid"] for name, claim in claims(rest, shop).items()}
    assert first["metadata"].get("finalizers") is None
    rest.delete(KIND, shop, "orders").expect()
    until(lambda: rest.get("StatefulSet", shop, "orders") is None and pods(rest, shop) == {})
    assert rest.get(KIND, shop, "orders") is None
    assert rest.get("ConfigMap", shop, "orders-config") is not None
    assert passwords(rest, shop) == before
    second = make(rest, shop)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert passwords(rest, shop) == before
    assert {name: claim["metadata"]["uid"] for name, claim in claims(rest, shop).items()} == kept


def test_delete_removes_the_data_and_then_lets_the_object_go(rest: Rest, shop: str) -> None:
    make(rest, shop, deletionPolicy="Delete")
    database = rest.get(KIND, shop, "orders")
    assert database is not None
    assert database["metadata"]["finalizers"] == ["keddah.dev/deletion"]
    stranger = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "orders-theirs", "namespace": shop},
        "stringData": {"a": "b"},
    }
    rest.create(stranger).expect()
    rest.delete(KIND, shop, "orders").expect()
    until(lambda: rest.get(KIND, shop, "orders") is None, 40)
    assert claims(rest, shop) == {}
    assert not [name for name in SECRETS if rest.get("Secret", shop, f"orders-{name}")]
    assert rest.get("ConfigMap", shop, "orders-config") is None
    assert rest.get("Secret", shop, "orders-theirs") is not None


def owners(rest: Rest, namespace: str) -> dict[tuple[str, str], list[str]]:
    """Give the UIDs of the owners of every child that does not outlive the database."""
    return {
        (kind, name): [owner["uid"] for owner in child["metadata"].get("ownerReferences", [])]
        for (kind, name), child in live(rest, namespace).items()
        if kind not in KEPT
    }


def test_children_that_a_deletion_orphans_stay_whatever_the_policy_and_are_taken_up_again(
    rest: Rest, kubectl: Kubectl, shop: str
) -> None:
    first = make(rest, shop, deletionPolicy="Delete")
    before = {key: child["metadata"]["uid"] for key, child in live(rest, shop).items()}
    kept = {name: pod["metadata"]["uid"] for name, pod in pods(rest, shop).items()}
    kubectl.good("delete", "pgdb/orders", "-n", shop, "--cascade=orphan", "--timeout=20s")
    assert rest.get(KIND, shop, "orders") is None
    # What would be deleted by mistake would be so within this time: the garbage collector needs less.
    time.sleep(3)
    assert {key: child["metadata"]["uid"] for key, child in live(rest, shop).items()} == before
    assert {name: pod["metadata"]["uid"] for name, pod in pods(rest, shop).items()} == kept
    assert set(map(len, owners(rest, shop).values())) == {0}
    assert len(claims(rest, shop)) == 2
    second = make(rest, shop)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    until(lambda: set(map(tuple, owners(rest, shop).values())) == {(second["metadata"]["uid"],)})
    assert {name: pod["metadata"]["uid"] for name, pod in pods(rest, shop).items()} == kept


def test_a_deletion_that_waits_is_not_ready_and_says_for_what(
    rest: Rest, kubectl: Kubectl, shop: str
) -> None:
    make(rest, shop, deletionPolicy="Delete")
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    rest.merge("Pod", shop, "orders-1", hold).expect()
    rest.delete(KIND, shop, "orders").expect()
    try:
        told = wait_condition(rest, shop, "Ready", "Deleting")
        until(lambda: condition(rest, shop, "Ready")["message"] == "waiting for orders-1 to stop")
        assert told["status"] == "False"
        assert condition(rest, shop, "Reconciling")["status"] == "True"
        assert computed(rest, shop) == "Terminating"
        assert kubectl("wait", "pgdb/orders", "-n", shop, "--for=condition=Ready", "--timeout=1s").code == 1
    finally:
        rest.merge("Pod", shop, "orders-1", {"metadata": {"finalizers": None}}).expect()
    until(lambda: rest.get(KIND, shop, "orders") is None, 40)


def test_the_finalizer_follows_the_policy(rest: Rest, shop: str) -> None:
    make(rest, shop, ready=False)

    def finalizers() -> list[str]:
        found: list[str] = (rest.get(KIND, shop, "orders") or {})["metadata"].get("finalizers", [])
        return found

    change(rest, shop, deletionPolicy="Delete")
    until(lambda: finalizers() == ["keddah.dev/deletion"])
    change(rest, shop, deletionPolicy="Retain")
    until(lambda: finalizers() == [])


def test_a_lost_pod_and_a_lost_lock_do_not_stall(rest: Rest, shop: str) -> None:
    make(rest, shop)
    rest.delete("ConfigMap", shop, "orders-leader").expect()
    rest.delete("Pod", shop, "orders-1").expect()
    until(lambda: len(pods(rest, shop)) == 2)
    wait_condition(rest, shop, "Ready", "Ready")


def test_databases_of_other_namespaces_go_on_while_one_is_deleted(
    rest: Rest, shop: str, new_namespace: Callable[..., str]
) -> None:
    make(rest, shop)
    other = new_namespace()
    rest.create(factory.submitted("orders", other, version="17")).expect()
    rest.delete(KIND, other, "orders").expect()
    assert condition(rest, shop, "Ready")["status"] == "True"
