"""A database's children: made, owned, mended, left alone. The controller acts with its generated role."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.desired.labels import POD_NAME
from tests import children, factory
from tests.audit import Audit
from tests.children import INSTANCES, KEPT, KIND, all_exist, condition, live, passwords, wait_condition
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.controlplane import ControlPlane
    from tests.controller_process import ControllerProcess
    from tests.rest import Object, Rest

pytestmark = pytest.mark.usefixtures("controller")


@pytest.fixture
def orders(rest: Rest, restricted: str) -> Object:
    """Give a database all of whose children exist."""
    made = rest.create(factory.submitted("orders", restricted, version="17", replicas=2)).expect()
    until(lambda: all_exist(rest, restricted), 20)
    return made


@pytest.fixture(scope="module")
def kept(rest: Rest, shared_namespace: str, controller: ControllerProcess, plane: ControlPlane) -> Object:
    """Give one such database for every test after which it is as before."""
    del controller
    made = rest.create(factory.submitted("orders", shared_namespace, version="17", replicas=2)).expect()
    wait_condition(rest, shared_namespace, "Stalled", "NoDefaultStorageClass")
    until(lambda: quiet(plane, shared_namespace))
    return made


def quiet(plane: ControlPlane, namespace: str) -> bool:
    """Tell whether the controller wrote nothing there for a second, no event either."""
    begun = Audit(plane.audit_log).end()
    time.sleep(1)
    return not any(entry.writes and entry.namespace == namespace for entry in begun.since())


def test_all_children_come_to_be_with_labels_and_owners(rest: Rest, orders: Object) -> None:
    uid, namespace = orders["metadata"]["uid"], orders["metadata"]["namespace"]
    for (kind, name), child in live(rest, namespace).items():
        labels, owners = child["metadata"]["labels"], child["metadata"].get("ownerReferences", [])
        assert labels["keddah.dev/database"] == "orders", (kind, name)
        assert labels["app.kubernetes.io/managed-by"] == "keddah"
        if kind in KEPT:
            assert owners == [], (kind, name)
        else:
            assert [(o["uid"], o["controller"], o["blockOwnerDeletion"]) for o in owners] == [
                (uid, True, True)
            ], (kind, name)


def test_pods_of_an_instance_satisfy_pod_security_restricted(rest: Rest, orders: Object) -> None:
    namespace = orders["metadata"]["namespace"]
    pods = until(lambda: rest.list("Pod", namespace, labelSelector=INSTANCES))
    assert {pod["metadata"]["name"] for pod in pods} <= {"orders-0", "orders-1"}
    until(lambda: len(rest.list("Pod", namespace)) == 2)


def test_the_scale_subresource_counts_the_databases_pods_alone(rest: Rest, orders: Object) -> None:
    namespace = orders["metadata"]["namespace"]
    stale = until(lambda: rest.list("Pod", namespace, labelSelector=INSTANCES))[0]
    # A client of the database, labelled as one, and with everything else that a user may copy from a pod.
    labels = {k: v for k, v in stale["metadata"]["labels"].items() if k != POD_NAME}
    kept = ("containers", "securityContext", "serviceAccountName", "volumes")
    spec = {key: stale["spec"][key] for key in kept}
    metadata = {"name": "report", "namespace": namespace, "labels": labels}
    rest.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}).expect()

    def counted() -> set[str]:
        scale = rest.get(KIND, namespace, "orders", "scale")
        selector = ((scale or {}).get("status") or {}).get("selector")
        found = rest.list("Pod", namespace, labelSelector=selector) if selector else []
        return {pod["metadata"]["name"] for pod in found}

    until(lambda: counted() == {"orders-0", "orders-1"}, 20)
    wait_condition(rest, namespace, "Stalled", "NoDefaultStorageClass")
    assert counted() == {"orders-0", "orders-1"}


def test_who_may_connect_follows_the_database_without_a_restart(rest: Rest, restricted: str) -> None:
    rest.create(factory.submitted("orders", restricted, version="17", replicas=1)).expect()
    until(lambda: sources(rest, restricted) == "everybody", 20)
    before = until(lambda: rest.get("StatefulSet", restricted, "orders")) or {}
    shop = {"podSelector": {"matchLabels": {"app": "shop"}}}
    for clients, named in (([shop], [shop]), ([], []), (None, "everybody")):
        rest.merge(KIND, restricted, "orders", {"spec": {"network": {"clients": clients}}}).expect()
        until(lambda named=named: sources(rest, restricted) == named, 20)  # type: ignore[misc]
    after = rest.get("StatefulSet", restricted, "orders")
    assert after is not None
    assert after["spec"]["template"] == before["spec"]["template"]
    assert condition(rest, restricted, "Stalled")["reason"] != "WriteRefused"


def sources(rest: Rest, namespace: str) -> object:
    """Give the clients beside the members and the controller, as the API server has them."""
    found = rest.get("NetworkPolicy", namespace, "orders")
    if found is None:
        return None
    rule = found["spec"]["ingress"][0]
    return rule["from"][2:] if "from" in rule else "everybody"


def test_one_field_manager_writes_everything(rest: Rest, orders: Object) -> None:
    for key, child in live(rest, orders["metadata"]["namespace"]).items():
        managers = {entry["manager"] for entry in child["metadata"]["managedFields"]}
        assert "keddah" in managers, key


def test_the_status_says_what_is_missing(rest: Rest, orders: Object) -> None:
    namespace = orders["metadata"]["namespace"]
    stalled = wait_condition(rest, namespace, "Stalled", "NoDefaultStorageClass")
    assert stalled["status"] == "True"
    database = rest.get(KIND, namespace, "orders")
    assert database is not None
    status = database["status"]
    assert (status["ready"], status["readyReplicas"]) == ("0/2", 0)
    assert status["selector"].startswith("keddah.dev/database=orders")
    assert status["observedGeneration"] == 1


DELETABLE = sorted(key for key in children.expected("orders") if key[0] != "Secret")


@pytest.mark.parametrize(("kind", "name"), DELETABLE, ids=lambda value: value)
def test_a_deleted_child_comes_back(rest: Rest, kept: Object, kind: str, name: str) -> None:
    namespace = kept["metadata"]["namespace"]
    before = rest.get(kind, namespace, name)
    assert before is not None
    rest.delete(kind, namespace, name).expect()

    def back() -> bool:
        child = rest.get(kind, namespace, name)
        return child is not None and child["metadata"]["uid"] != before["metadata"]["uid"]

    until(back)


EDITS: list[tuple[str, str, dict[str, Any]]] = [
    ("StatefulSet", "orders", {"spec": {"replicas": 7}}),
    ("StatefulSet", "orders", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}),
    ("Service", "orders", {"spec": {"selector": {"keddah.dev/role": "standby"}}}),
    ("Service", "orders-ro", {"spec": {"selector": {"keddah.dev/database": "ledger"}}}),
    ("Service", "orders-pods", {"spec": {"publishNotReadyAddresses": False}}),
    ("ConfigMap", "orders-config", {"data": {"patroni.yml": "scope: stolen\n"}}),
    ("ConfigMap", "orders-config", {"metadata": {"annotations": {"config": "{}"}}}),
    ("PodDisruptionBudget", "orders", {"spec": {"maxUnavailable": 2}}),
    ("NetworkPolicy", "orders", {"spec": {"ingress": []}}),
    ("ServiceAccount", "orders-patroni", {"metadata": {"labels": {"keddah.dev/database": None}}}),
    ("Role", "orders-patroni", {"rules": []}),
    ("RoleBinding", "orders-patroni", {"subjects": []}),
]


@pytest.mark.parametrize(
    ("kind", "name", "edit"), EDITS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_edited_child_is_mended(
    rest: Rest, kept: Object, kind: str, name: str, edit: dict[str, Any]
) -> None:
    namespace = kept["metadata"]["namespace"]
    wanted = essence(rest.get(kind, namespace, name))
    edited = essence(rest.merge(kind, namespace, name, edit).expect())
    assert edited != wanted
    until(
        lambda: essence(rest.get(kind, namespace, name)) == wanted,
        why=lambda: rest.get(kind, namespace, name),
    )


def essence(manifest: Object | None) -> Object:
    """Give what somebody meant: without status, versions and who wrote what when."""
    whole = manifest or {"metadata": {}}
    metadata = {
        key: value
        for key, value in whole["metadata"].items()
        if key not in ("managedFields", "resourceVersion", "generation")
    }
    return {**{key: value for key, value in whole.items() if key != "status"}, "metadata": metadata}


def test_lost_and_edited_secrets_come_back_with_the_passwords_that_fit_the_data(
    rest: Rest, kept: Object
) -> None:
    namespace = kept["metadata"]["namespace"]
    before = passwords(rest, namespace)
    assert len(set(before.values())) == 3
    assert all(len(password) == 32 for password in before.values())
    rest.delete("Secret", namespace, "orders-app").expect()
    rest.delete("Secret", namespace, "orders-tls").expect()
    change = {"stringData": {"password": "guessed"}}
    rest.merge("Secret", namespace, "orders-superuser", change).expect()
    # Secrets cannot be watched; whatever else wakes the controller makes it look at them only on The check,
    # which comes by every 23 s when there are few databases.
    until(lambda: passwords(rest, namespace) == before, 60)
    until(lambda: rest.get("Secret", namespace, "orders-tls") is not None, 5)


def test_nothing_is_written_when_nothing_changed(
    rest: Rest, kept: Object, controller: ControllerProcess, plane: ControlPlane
) -> None:
    namespace = kept["metadata"]["namespace"]
    until(lambda: quiet(plane, namespace))
    before = Audit(plane.audit_log).end()
    reconciles = controller.metric("keddah_reconciles_total")
    rest.merge(KIND, namespace, "orders", {"metadata": {"labels": {"team": "payments"}}}).expect()
    until(lambda: controller.metric("keddah_reconciles_total") > reconciles)
    time.sleep(1)
    assert [entry.what for entry in before.since() if entry.writes and entry.namespace == namespace] == []


def test_a_secret_of_somebody_else_is_left_untouched(rest: Rest, restricted: str) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "orders-app", "namespace": restricted},
        "stringData": {"password": "theirs"},
    }
    before = rest.create(theirs).expect()
    rest.create(factory.submitted("orders", restricted, version="17", replicas=1)).expect()
    stalled = wait_condition(rest, restricted, "Stalled", "ChildOwnedByOther")
    assert "Secret orders-app" in stalled["message"]
    after = rest.get("Secret", restricted, "orders-app")
    assert after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert list(live(rest, restricted)) == [("Secret", "orders-app")]
    rest.delete("Secret", restricted, "orders-app").expect()
    # Nobody may watch Secrets: a change of the object makes the controller look again at once.
    rest.merge(KIND, restricted, "orders", {"metadata": {"labels": {"seen": "yes"}}}).expect()
    until(lambda: all_exist(rest, restricted), 40)


@pytest.mark.parametrize("kind", ["StatefulSet", "Service", "ConfigMap", "ServiceAccount"])
def test_a_child_of_another_owner_is_left_untouched(rest: Rest, restricted: str, kind: str) -> None:
    name = {"ConfigMap": "orders-config", "ServiceAccount": "orders-patroni"}.get(kind, "orders")
    before = rest.create(of_another(kind, name, restricted)).expect()
    rest.create(factory.submitted("orders", restricted, version="17", replicas=1)).expect()
    stalled = wait_condition(rest, restricted, "Stalled", "ChildOwnedByOther")
    assert f"{kind} {name}" in stalled["message"]
    after = rest.get(kind, restricted, name)
    assert after is not None
    assert essence(after) == essence(before)
    # All names are looked at before the first write: what is half made would serve nobody.
    assert list(live(rest, restricted)) == [(kind, name)]


@pytest.mark.parametrize("which", ["leader", "sync", "failover"])
def test_a_config_map_in_patronis_way_is_named_before_anything_is_made(
    rest: Rest, restricted: str, which: str
) -> None:
    rest.create(of_another("ConfigMap", f"orders-{which}", restricted)).expect()
    rest.create(factory.submitted("orders", restricted, version="17", replicas=1)).expect()
    stalled = wait_condition(rest, restricted, "Stalled", "ChildOwnedByOther")
    assert f"ConfigMap orders-{which}" in stalled["message"]
    assert rest.get("StatefulSet", restricted, "orders") is None


def of_another(kind: str, name: str, namespace: str) -> Object:
    labels = {"app": "theirs"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "none.example/a"}]}}
    bodies: dict[str, Object] = {
        "StatefulSet": {
            "apiVersion": "apps/v1",
            "spec": {"replicas": 0, "serviceName": "x", "selector": {"matchLabels": labels}, "template": pod},
        },
        "Service": {"apiVersion": "v1", "spec": {"ports": [{"port": 80}], "selector": labels}},
        "ConfigMap": {"apiVersion": "v1", "data": {"theirs": "yes"}},
        "ServiceAccount": {"apiVersion": "v1"},
    }
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, **bodies[kind]}


def test_two_databases_of_one_name_in_two_namespaces_share_nothing(
    rest: Rest, new_namespace: Callable[..., str]
) -> None:
    first, second = new_namespace(), new_namespace()
    for namespace in (first, second):
        rest.create(factory.submitted("orders", namespace, version="17", replicas=1)).expect()
    for namespace in (first, second):
        until(lambda namespace=namespace: all_exist(rest, namespace))  # type: ignore[misc]
    assert not set(passwords(rest, first).values()) & set(passwords(rest, second).values())
    kept = {child["metadata"]["uid"] for child in live(rest, second).values()}
    rest.delete(KIND, first, "orders").expect()
    until(lambda: rest.get("StatefulSet", first, "orders") is None)
    assert {child["metadata"]["uid"] for child in live(rest, second).values()} == kept


def test_what_got_past_a_missing_webhook_stalls_and_harms_no_neighbour(rest: Rest, restricted: str) -> None:
    bad = factory.submitted("bad", restricted, version="17.99", replicas=500, parameters={"no_such": "1"})
    rest.create(bad).expect()
    rest.create(factory.submitted("orders", restricted, version="17", replicas=1)).expect()
    stalled = wait_condition(rest, restricted, "Stalled", "Refused", name="bad")
    assert stalled["status"] == "True"
    for path in ("spec.version", "spec.replicas", "spec.parameters.no_such"):
        assert path in stalled["message"]
    until(lambda: all_exist(rest, restricted))
    assert rest.get("StatefulSet", restricted, "bad") is None
    rest.merge(
        KIND, restricted, "bad", {"spec": {"version": "17", "replicas": 1, "parameters": None}}
    ).expect()
    until(lambda: all_exist(rest, restricted, "bad"))
    until(lambda: condition(rest, restricted, "Stalled", "bad").get("reason") != "Refused")


def test_a_refused_change_leaves_the_accepted_state_kept(rest: Rest, orders: Object) -> None:
    namespace = orders["metadata"]["namespace"]
    rest.merge(KIND, namespace, "orders", {"spec": {"replicas": 500}}).expect()
    wait_condition(rest, namespace, "Stalled", "Refused")
    rest.delete("Service", namespace, "orders").expect()
    until(lambda: rest.get("Service", namespace, "orders") is not None)
    statefulset = rest.get("StatefulSet", namespace, "orders")
    assert statefulset is not None
    assert statefulset["spec"]["replicas"] == 2


def test_an_empty_spec_without_webhooks_is_completed_by_the_controller(rest: Rest, restricted: str) -> None:
    rest.create(factory.submitted("orders", restricted)).expect()
    until(lambda: all_exist(rest, restricted))
    statefulset = rest.get("StatefulSet", restricted, "orders")
    assert statefulset is not None
    container = statefulset["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "keddah.dev/keddah-postgres:17.6"
    assert container["resources"]["requests"] == {
        "cpu": "100m",
        "memory": "256Mi",
        "ephemeral-storage": "128Mi",
    }
