"""An installation for some namespaces: Roles in them and no ClusterRole; none of them holds up another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.desired import names
from controller.kube.kinds import CertificateMode
from deploy.generate.objects import CONTROLLER, NAMESPACE
from deploy.generate.rbac import EDIT
from deploy.local.controlplane import DELETION, ControlPlane
from deploy.manifests import objects
from tests import factory
from tests.audit import Audit
from tests.children import all_exist, live
from tests.controller_process import ControllerProcess
from tests.installation import LEFT_OUT, account_kubeconfig, install_crd
from tests.rest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rest import Object

NAMESPACES = ("team-a", "team-b")
FOREIGN = frozenset({"Issuer", "Certificate", *LEFT_OUT})
OBJECTS = [item for item in objects(CertificateMode.CERT_MANAGER, NAMESPACES) if item["kind"] not in FOREIGN]
SETTINGS = {"KEDDAH_CERTIFICATES": "cert-manager", "KEDDAH_WATCH_NAMESPACES": ",".join(NAMESPACES)}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("namespaced"), audit=True, controllers=DELETION) as running:
        yield running


@pytest.fixture(scope="module")
def rest(plane: ControlPlane) -> Iterator[Rest]:
    """Give the administrator of a cluster on which keddah is installed for two of three namespaces."""
    user = Rest(plane.kubeconfig)
    install_crd(user)
    for name in (*NAMESPACES, "team-c"):
        user.create(namespace(name)).expect()
    install(user)
    yield user
    user.close()


@pytest.fixture(scope="module")
def kubeconfig(plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("account") / "kubeconfig"
    return account_kubeconfig(rest, plane.kubeconfig, CONTROLLER, target)


@pytest.fixture
def controller(rest: Rest, kubeconfig: Path, tmp_path: Path) -> Iterator[ControllerProcess]:
    rest.delete("Lease", NAMESPACE, CONTROLLER)
    with ControllerProcess(tmp_path, kubeconfig, **SETTINGS) as process:
        yield process


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def install(rest: Rest, within: str | None = None) -> None:
    """Apply the installation, or what it has in one of the namespaces."""
    for item in OBJECTS:
        if within is None or item["metadata"].get("namespace") == within:
            rest.apply(item, manager="kubectl").expect()


def served(rest: Rest, where: str, name: str) -> None:
    """Have a database there, and wait until the controller has made all of its children."""
    rest.create(factory.submitted(name, where, version="17")).expect()
    until(lambda: all_exist(rest, where, name), 40)


def test_nobody_gets_a_right_in_the_cluster(rest: Rest) -> None:
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        assert not [each for each in rest.list(kind) if "keddah" in each["metadata"]["name"]]


def test_databases_of_the_named_namespaces_are_looked_after_and_nothing_else_is_asked_for(
    plane: ControlPlane, rest: Rest, controller: ControllerProcess
) -> None:
    asked = Audit(plane.audit_log).end()
    controller.acting()
    rest.create(factory.submitted("orders", "team-c", version="17")).expect()
    for name in NAMESPACES:
        served(rest, name, "orders")
    copy = rest.get("Secret", NAMESPACE, names.keys_copy("team-a", "orders")) or {"metadata": {}}
    assert copy["metadata"].get("ownerReferences"), "the namespace may be read by its Role"
    assert not live(rest, "team-c")
    found = list(asked.since())
    assert found
    assert [entry.what for entry in found if entry.forbidden] == []
    assert {entry.namespace for entry in found} <= {*NAMESPACES, NAMESPACE, ""}
    # Without a namespace: what the API server serves, which everybody may ask.
    assert {entry.resource for entry in found if not entry.namespace} <= {"", "/api", "/apis"} | {
        each for each in {entry.resource for entry in found} if each.startswith("/api")
    }


def test_whoever_may_edit_databases_of_a_namespace_is_bound_to_a_role_in_it(rest: Rest) -> None:
    role = rest.get("Role", "team-a", EDIT)
    assert role is not None
    assert {"create", "get", "delete"} <= set(role["rules"][0]["verbs"])


def test_a_namespace_that_is_deleted_and_made_again_holds_up_no_other(
    rest: Rest, kubeconfig: Path, tmp_path: Path
) -> None:
    rest.delete("Lease", NAMESPACE, CONTROLLER)
    with (
        ControllerProcess(tmp_path / "one", kubeconfig, identity="one", **SETTINGS) as one,
        ControllerProcess(tmp_path / "two", kubeconfig, identity="two", **SETTINGS) as two,
    ):
        until(lambda: one.leads() or two.leads(), 20)
        first, second = (one, two) if one.leads() else (two, one)
        first.acting()
        rest.delete("Namespace", None, "team-b").expect()
        until(lambda: rest.get("Namespace", None, "team-b") is None, 60)
        # It hands over in good order: who takes over leaves alone what is not there.
        until(first.ended, 60, first.log.read_text)
        assert first.process.returncode == 0, first.log.read_text()
        second.acting()
        served(rest, "team-a", "invoices")
        rest.create(namespace("team-b")).expect()
        install(rest, "team-b")
        with ControllerProcess(tmp_path / "three", kubeconfig, identity="three", **SETTINGS) as third:
            until(second.ended, 60, second.log.read_text)
            third.acting()
            served(rest, "team-b", "orders")
