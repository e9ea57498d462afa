"""tls.issuerRef: the real cert-manager has an issuer sign what PostgreSQL shows, and keddah takes it over."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from controller.certificates.certificate import Pair, serves, split
from controller.desired.secrets import server_names
from controller.kube.kinds import WEBHOOK_CONFIGURATIONS
from deploy.generate.objects import CONTROLLER, NAMESPACE
from deploy.local.build import CERT_MANAGER as PROGRAMS
from deploy.local.build import binaries
from deploy.local.controlplane import DELETION, ControlPlane
from deploy.manifests import CERT_MANAGER, INSTALL
from tests import factory
from tests.cert_manager import CertManager, install_definitions, renew
from tests.children import KIND, condition
from tests.controller_process import ControllerProcess
from tests.installation import account_kubeconfig
from tests.kubectl import Kubectl
from tests.rest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rest import Object

SHOP = "shop"
API = "cert-manager.io/v1"
ISSUER = {"tls": {"issuerRef": {"name": "corporate"}, "names": ["db.example.com", "192.0.2.7"]}}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("issuer"), controllers=DELETION) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(plane: ControlPlane) -> Kubectl:
    return Kubectl(plane.programs / "kubectl", plane.kubeconfig)


@pytest.fixture(scope="module")
def rest(plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Give the administrator of a cluster with cert-manager and keddah's rights, without its webhooks."""
    user = Rest(plane.kubeconfig)
    programs = binaries(print, bundle=PROGRAMS)
    install_definitions(user, programs)
    with CertManager(programs, plane.kubeconfig, tmp_path_factory.mktemp("process")):
        kubectl.good("apply", "--server-side", "-k", str(CERT_MANAGER))
        for kind in WEBHOOK_CONFIGURATIONS:
            user.delete(kind, None, "keddah").expect()
        user.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}}).expect()
        yield user
    user.close()


@pytest.fixture(scope="module")
def account(plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the kubeconfig of the controller: with its rights in this mode."""
    return account_kubeconfig(rest, plane.kubeconfig, CONTROLLER, tmp_path_factory.mktemp("user") / "config")


@pytest.fixture
def controller(rest: Rest, account: Path, tmp_path: Path) -> Iterator[ControllerProcess]:
    rest.delete("Lease", NAMESPACE, CONTROLLER)
    with ControllerProcess(tmp_path, account, KEDDAH_CERTIFICATES="cert-manager") as process:
        yield process.acting()


def entry(rest: Rest, secret: str, name: str) -> str:
    found = ((rest.get("Secret", SHOP, secret) or {}).get("data") or {}).get(name, "")
    return base64.b64decode(found).decode()


def issuers(rest: Rest) -> None:
    """Make an authority, and the issuer that signs with it."""
    metadata = {"name": "self", "namespace": SHOP}
    rest.create(
        {"apiVersion": API, "kind": "Issuer", "metadata": metadata, "spec": {"selfSigned": {}}}
    ).expect()
    spec = {
        "isCA": True,
        "commonName": "corporate",
        "secretName": "corporate",
        "privateKey": {"algorithm": "RSA", "size": 2048, "rotationPolicy": "Always"},
        "issuerRef": {"name": "self", "kind": "Issuer"},
    }
    named = {"name": "corporate", "namespace": SHOP}
    rest.create({"apiVersion": API, "kind": "Certificate", "metadata": named, "spec": spec}).expect()
    rest.create(
        {"apiVersion": API, "kind": "Issuer", "metadata": named, "spec": {"ca": {"secretName": "corporate"}}}
    ).expect()


def shown(rest: Rest) -> str:
    return entry(rest, "orders-tls", "server.crt")


def is_issued(rest: Rest) -> bool:
    """Tell whether PostgreSQL gets what the issuer has signed newest, and applications its CA."""
    offered, authority = entry(rest, "orders-server", "tls.crt"), entry(rest, "orders-server", "ca.crt")
    return bool(
        offered
        and shown(rest) == offered
        and split(entry(rest, "orders-app", "ca.crt"))[0] == split(authority)[0]
    )


def test_an_issuer_that_comes_later_signs_for_all_names_and_is_trusted_by_applications(
    rest: Rest, controller: ControllerProcess
) -> None:
    rest.create(factory.complete_database("orders", SHOP, **ISSUER, replicas=1)).expect()
    until(lambda: entry(rest, "orders-tls", "tls.crt"), 20)
    assert shown(rest) == entry(rest, "orders-tls", "tls.crt")
    until(lambda: rest.get("Certificate", SHOP, "orders-server"), 20)
    issuers(rest)
    until(lambda: is_issued(rest), 60, lambda: controller.log.read_text()[-3000:])
    db = factory.typed_database("orders", SHOP, **ISSUER)
    pair = Pair(shown(rest), entry(rest, "orders-tls", "server.key"))
    assert serves(pair, entry(rest, "orders-server", "ca.crt"), server_names(db, "cluster.local"))
    # The issuer's CA decides neither who commands Patroni nor whose certificate PostgreSQL takes.
    assert len(split(entry(rest, "orders-tls", "ca.crt"))) == 1
    assert split(entry(rest, "orders-tls", "ca.crt")) != split(entry(rest, "orders-server", "ca.crt"))
    config = (rest.get("ConfigMap", SHOP, "orders-config") or {})["metadata"]["annotations"]["config"]
    parameters = json.loads(config)["postgresql"]["parameters"]
    assert parameters["ssl_cert_file"] == "/etc/keddah/tls/server.crt"
    assert parameters["ssl_ca_file"] == "/etc/keddah/tls/ca.crt"


def test_a_renewed_certificate_is_taken_over_and_names_that_are_added_are_signed_too(
    rest: Rest, controller: ControllerProcess
) -> None:
    former, own = shown(rest), entry(rest, "orders-tls", "tls.crt")
    renew(rest, "orders-server", SHOP)
    until(lambda: shown(rest) != former and is_issued(rest), 90, lambda: controller.log.read_text()[-3000:])
    # By this the members tell that they have read both.
    assert entry(rest, "orders-tls", "tls.crt") != own
    before = shown(rest)
    more = {"spec": {"tls": {"names": ["db.example.com", "other.example.com"]}}}
    rest.merge(KIND, SHOP, "orders", more).expect()
    until(lambda: shown(rest) != before and is_issued(rest), 60)
    names = (rest.get("Certificate", SHOP, "orders-server") or {})["spec"]["dnsNames"]
    assert "other.example.com" in names


def test_without_an_issuer_all_is_as_it_was_and_the_certificate_goes(
    rest: Rest, controller: ControllerProcess
) -> None:
    del controller
    rest.merge(KIND, SHOP, "orders", {"spec": {"tls": {"issuerRef": None}}}).expect()
    until(lambda: rest.get("Certificate", SHOP, "orders-server") is None, 30)

    def own() -> bool:
        live: Object = rest.get("ConfigMap", SHOP, "orders-config") or {}
        return "server.crt" not in live["metadata"]["annotations"]["config"]

    until(own, 30)
    until(lambda: not shown(rest), 90)
    # The Secrets are written one after the other.
    until(lambda: len(split(entry(rest, "orders-app", "ca.crt"))) == 1, 10)


def test_a_controller_without_the_right_says_so_and_runs_the_database_all_the_same(
    rest: Rest, kubectl: Kubectl, account: Path, tmp_path: Path
) -> None:
    kubectl.good("apply", "--server-side", "--force-conflicts", "-f", str(INSTALL / "rbac.yaml"))
    rest.delete("Lease", NAMESPACE, CONTROLLER)
    with ControllerProcess(tmp_path, account, KEDDAH_CERTIFICATES="cert-manager") as process:
        process.acting()
        rest.create(factory.complete_database("ledger", SHOP, **ISSUER)).expect()
        until(lambda: rest.get("StatefulSet", SHOP, "ledger"), 30, lambda: process.log.read_text()[-3000:])

        def told() -> bool:
            found = condition(rest, SHOP, "Stalled", "ledger")
            return found.get("reason") == "WriteRefused" and "certificates" in found["message"]

        until(told, 30, lambda: str(condition(rest, SHOP, "Stalled", "ledger")))
