"""What is deleted around a protected database: admission policies refuse it, without any process of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from deploy.generate.protection import DELETE_DATABASES, protection
from deploy.local.build import binaries
from deploy.local.controlplane import DELETION, ControlPlane
from deploy.manifests import INSTALL
from tests import factory
from tests.installation import account_kubeconfig, install, install_crd
from tests.kubectl import Kubectl
from tests.rest import Rest, path
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTROLLERS = (*DELETION, "persistentvolumeclaim-protection-controller")
CRD = "postgresqldatabases.keddah.dev"
DATA = (
    (
        "PersistentVolumeClaim",
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    ),
    ("Secret", None),
    ("ConfigMap", None),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    # The definition and the operator's namespace are deleted here.
    with ControlPlane(tmp_path_factory.mktemp("protection"), controllers=CONTROLLERS) as running:
        yield running


@pytest.fixture(scope="module")
def user(own: ControlPlane) -> Iterator[Rest]:
    rest = Rest(own.kubeconfig)
    install_crd(rest)
    install(rest)
    make(rest, "probe", protected=True)
    until(lambda: not rest.delete("Namespace", None, "probe", dryRun=["All"]).accepted, 20)
    yield rest
    rest.close()


def make(rest: Rest, namespace: str, *, protected: bool) -> None:
    """Make a namespace with a database, and with what would outlive it."""
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).expect()
    rest.create(factory.database("orders", namespace, deletionProtection=protected)).expect()
    for kind, spec in DATA:
        rest.create(child(kind, namespace, spec)).expect()


def child(kind: str, namespace: str, spec: dict[str, Any] | None) -> dict[str, Any]:
    labels = {"keddah.dev/database": "orders"}
    metadata = {"name": "orders-data", "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata} | ({"spec": spec} if spec else {})


def test_the_namespace_of_a_protected_database_is_not_deleted_until_it_is_told_to(
    user: Rest, own: ControlPlane
) -> None:
    make(user, "kept", protected=True)
    kubectl = Kubectl(binaries(print) / "kubectl", own.kubeconfig)
    refused = kubectl("delete", "namespace", "kept", "--wait=false")
    assert refused.code == 1
    assert "the namespace holds PostgreSQLDatabase orders with spec.deletionProtection" in refused.err
    advice = refused.err.partition(": kubectl ")[2].strip().replace("'", "").split()
    kubectl.good(*advice)
    until(lambda: user.delete("Namespace", None, "kept").accepted)
    until(lambda: user.get("Namespace", None, "kept") is None, 30)


def test_other_namespaces_go_with_their_databases(user: Rest) -> None:
    make(user, "free", protected=False)
    user.delete("Namespace", None, "free").expect()
    until(lambda: user.get("Namespace", None, "free") is None, 30)


@pytest.mark.parametrize("kind", [kind for kind, _ in DATA])
def test_data_of_a_protected_database_is_deleted_by_the_controller_alone(
    user: Rest, own: ControlPlane, tmp_path: Path, kind: str
) -> None:
    refused = user.delete(kind, "probe", "orders-data")
    assert not refused.accepted
    assert "orders-data belongs to PostgreSQLDatabase orders" in refused.message
    user.send("DELETE", path(kind, "probe"))
    assert "deletionTimestamp" not in (user.get(kind, "probe", "orders-data") or {})["metadata"]
    controller = Rest(account_kubeconfig(user, own.kubeconfig, "keddah-controller", tmp_path / "kubeconfig"))
    assert controller.delete(kind, "probe", "orders-data", dryRun=["All"]).accepted
    controller.close()


def test_data_without_a_protected_database_is_deleted(user: Rest) -> None:
    make(user, "loose", protected=False)
    for kind, _ in DATA:
        user.delete(kind, "loose", "orders-data").expect()


def test_deleting_the_installation_spares_all_databases_and_nothing_hangs_without_the_definition(
    user: Rest, own: ControlPlane
) -> None:
    kubectl = Kubectl(binaries(print) / "kubectl", own.kubeconfig)
    refused = kubectl("delete", "--wait=false", "--ignore-not-found", "-k", str(INSTALL))
    assert f"kubectl annotate crd {CRD} {DELETE_DATABASES}=true" in refused.err
    assert "a second attempt would succeed: apply again to keep the databases" in refused.err
    definition = user.get("CustomResourceDefinition", None, CRD)
    assert definition is not None
    assert "deletionTimestamp" not in definition["metadata"]
    for policy in protection():
        user.apply(policy).expect()
    until(lambda: not user.delete("CustomResourceDefinition", None, CRD, dryRun=["All"]).accepted)
    confirm = {"metadata": {"annotations": {DELETE_DATABASES: "true"}}}
    user.merge("CustomResourceDefinition", None, CRD, confirm).expect()
    user.delete("CustomResourceDefinition", None, CRD).expect()
    until(lambda: user.get("CustomResourceDefinition", None, CRD) is None, 30)
    user.delete("Namespace", None, "probe").expect()
    until(lambda: user.get("Namespace", None, "probe") is None, 30)
