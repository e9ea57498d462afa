"""cert-manager mode: the real cert-manager makes the certificates, the API server calls by them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from controller.certificates.certificate import Pair, serves, split
from controller.certificates.webhooks import CA_SECRET, TLS_SECRET, names
from controller.kube.kinds import WEBHOOK_CONFIGURATIONS, CertificateMode
from deploy.generate.objects import CONTROLLER, NAMESPACE, WEBHOOKS
from deploy.local.build import CERT_MANAGER as PROGRAMS
from deploy.local.build import binaries
from deploy.local.controlplane import DELETION, ControlPlane
from deploy.manifests import CERT_MANAGER, objects
from tests import factory
from tests.audit import Audit
from tests.cert_manager import CertManager, adopted, install_definitions, renew, take_away
from tests.children import KIND
from tests.controller_process import ControllerProcess
from tests.installation import account_kubeconfig
from tests.kubectl import Kubectl
from tests.rest import Rest, path
from tests.serving import (
    Calls,
    apply_installation,
    await_served,
    called,
    completed,
    entries,
    leaf,
    refused,
    shown,
    trusted,
)
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rest import Object

OBJECTS = objects(CertificateMode.CERT_MANAGER)
OURS = {"app.kubernetes.io/managed-by": "keddah"}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("cert-manager"), audit=True, controllers=DELETION) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(plane: ControlPlane) -> Kubectl:
    return Kubectl(plane.programs / "kubectl", plane.kubeconfig)


@pytest.fixture(scope="module")
def rest(plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Give the administrator of a cluster with cert-manager, on which keddah was installed just now."""
    user = Rest(plane.kubeconfig)
    programs = binaries(print, bundle=PROGRAMS)
    install_definitions(user, programs)
    with CertManager(programs, plane.kubeconfig, tmp_path_factory.mktemp("process")):
        done = kubectl("apply", "--server-side", "-k", str(CERT_MANAGER))
        assert done.code == 0, done.err
        assert "Warning:" not in done.err
        yield user
    user.close()


@pytest.fixture(scope="module")
def server(rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookProcess]:
    """Give the admission server: the Secret is mounted, and the API server calls it through its Service."""
    folder = tmp_path_factory.mktemp("admission")
    with called(rest, folder, CertificateMode.CERT_MANAGER) as process:
        yield process


def test_what_is_installed_leads_to_a_certificate_that_both_configurations_trust(rest: Rest) -> None:
    secret = until(lambda: entries(rest, TLS_SECRET), 30)
    pair = Pair(secret["tls.crt"], secret["tls.key"])
    assert serves(pair, secret["ca.crt"], names(NAMESPACE, "cluster.local"))
    certificate = x509.load_pem_x509_certificate(pair.crt.encode())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=365)
    until(lambda: trusted(rest, secret["ca.crt"]), 20)


def test_the_api_server_calls_by_it(rest: Rest, server: WebhookProcess) -> None:
    assert split(shown(server)) == split(leaf(rest))
    right = rest.create(factory.submitted("orders", "default"), dryRun="All")
    assert completed(right.body)
    wrong = factory.submitted("orders", "default", version="16.99", replicas=0)
    answer = rest.create(wrong, dryRun="All")
    assert refused(answer.body)
    assert "keddah.dev" in answer.message


def test_a_renewed_certificate_costs_no_call(rest: Rest, server: WebhookProcess) -> None:
    former, authority = leaf(rest), entries(rest, TLS_SECRET)["ca.crt"]
    with Calls(rest) as calls:
        renew(rest, WEBHOOKS)
        await_served(rest, server, former)
        after = calls.made
        until(lambda: calls.made > after + 20)
    assert calls.failed == []
    assert entries(rest, TLS_SECRET)["ca.crt"] == authority


def test_a_deleted_secret_comes_back_and_costs_no_call(rest: Rest, server: WebhookProcess) -> None:
    former = leaf(rest)
    with Calls(rest) as calls:
        rest.delete("Secret", NAMESPACE, TLS_SECRET).expect()
        await_served(rest, server, former)
    assert calls.failed == []


@pytest.mark.parametrize("rotate", ["renewed", "deleted"])
def test_a_rotated_authority_leaves_what_is_served_alone_until_that_is_renewed(
    rest: Rest, server: WebhookProcess, rotate: str
) -> None:
    former, old = leaf(rest), entries(rest, TLS_SECRET)["ca.crt"]
    with Calls(rest) as calls:
        if rotate == "deleted":
            rest.delete("Secret", NAMESPACE, CA_SECRET).expect()
        else:
            renew(rest, f"{WEBHOOKS}-ca")
        until(lambda: split(entries(rest, CA_SECRET).get("tls.crt", "")) not in ((), split(old)), 30)
        new = entries(rest, CA_SECRET)["tls.crt"]
        # Nothing more comes of it: cert-manager does not issue leaves again by itself.
        made = calls.made
        until(lambda: calls.made > made + 50)
        assert leaf(rest) == former
        assert trusted(rest, old)
        renew(rest, WEBHOOKS)
        await_served(rest, server, former)
        made = calls.made
        until(lambda: calls.made > made + 20)
    assert calls.failed == []
    assert split(entries(rest, TLS_SECRET)["ca.crt"]) == split(new)
    # Pods that still serve the former certificate are trusted, as well as those that have the new one.
    assert trusted(rest, old)
    assert trusted(rest, new)


def test_a_ca_bundle_that_was_wiped_is_injected_again(rest: Rest, server: WebhookProcess) -> None:
    wipe = [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
    for kind in WEBHOOK_CONFIGURATIONS:
        where = path(kind, None, "keddah")
        body = json.dumps(wipe).encode()
        rest.send("PATCH", where, body, content="application/json-patch+json").expect()
    until(lambda: trusted(rest, entries(rest, TLS_SECRET)["ca.crt"]), 10)
    until(lambda: completed(rest.create(factory.submitted("orders", "default"), dryRun="All").body), 10)
    assert server.process.poll() is None


def test_certificates_of_seconds_are_renewed_one_after_the_other_without_a_failed_call(
    rest: Rest, server: WebhookProcess
) -> None:
    (usual,) = (o for o in OBJECTS if (o["kind"], o["metadata"]["name"]) == ("Certificate", WEBHOOKS))
    short = {**usual, "spec": {**usual["spec"], "duration": "30s", "renewBefore": "25s"}}
    served: set[str] = set()
    with Calls(rest) as calls:
        rest.apply(short, manager="kubectl").expect()

        def many() -> bool:
            served.add(shown(server))
            return len(served) > 3

        until(many, 60)
        former = leaf(rest)
        rest.apply(usual, manager="kubectl").expect()
        await_served(rest, server, former)
    assert calls.failed == []


@pytest.fixture(scope="module")
def account(plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the kubeconfig of the controller: with its rights in this mode."""
    target = tmp_path_factory.mktemp("account") / "kubeconfig"
    return account_kubeconfig(rest, plane.kubeconfig, CONTROLLER, target)


@pytest.fixture
def controller_user(account: Path) -> Iterator[Rest]:
    user = Rest(account)
    yield user
    user.close()


def test_the_controller_cannot_touch_a_webhook_configuration(controller_user: Rest) -> None:
    for kind in WEBHOOK_CONFIGURATIONS:
        where = path(kind, None, "keddah")
        assert controller_user.send("GET", where).status == 403
        assert controller_user.send("GET", path(kind)).status == 403
        assert controller_user.merge(kind, None, "keddah", {"webhooks": []}).status == 403
        assert controller_user.delete(kind, None, "keddah").status == 403


@pytest.mark.parametrize("name", [CA_SECRET, TLS_SECRET])
def test_the_controller_cannot_write_the_secrets_of_the_certificates(
    controller_user: Rest, rest: Rest, name: str
) -> None:
    until(lambda: entries(rest, name))
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": OURS},
        "data": {"ca.crt": "Y2E="},
    }
    words = f"cert-manager makes the Secret {name}"
    # The API server reads its policies a moment after they were written.
    tried = partial(controller_user.create, secret, dryRun="All")
    until(lambda: words in tried().message, 20, tried)
    # What is there is cert-manager's: of two policies that refuse, either may be the one that tells.
    foreign = f"the Secret {name}, which is not of keddah"
    for answer in (controller_user.apply(secret), controller_user.delete("Secret", NAMESPACE, name)):
        assert answer.status == 403
        assert words in answer.message or foreign in answer.message
    other = {**secret, "metadata": {"name": "other", "namespace": NAMESPACE, "labels": OURS}}
    assert controller_user.apply(other).accepted


def test_the_controller_does_its_work_without_those_rights(
    plane: ControlPlane, rest: Rest, server: WebhookProcess, account: Path, tmp_path: Path
) -> None:
    asked = Audit(plane.audit_log).end()
    with ControllerProcess(tmp_path, account, KEDDAH_CERTIFICATES="cert-manager") as process:
        process.acting()
        rest.create(factory.submitted("ledger", "default")).expect()
        until(lambda: ((rest.get(KIND, "default", "ledger") or {}).get("status") or {}).get("conditions"))
        found = list(asked.since())
    assert found
    assert [entry.what for entry in found if entry.forbidden] == []
    assert not [entry.what for entry in found if entry.group == "admissionregistration.k8s.io"]
    assert not [e.what for e in found if e.resource == "secrets" and e.name in (CA_SECRET, TLS_SECRET)]
    assert server.process.poll() is None


def test_an_installation_changes_from_one_mode_to_the_other_and_back_without_a_failed_call(
    rest: Rest, server: WebhookProcess, account: Path, tmp_path: Path
) -> None:
    take_away(rest)
    for name in (CA_SECRET, TLS_SECRET):
        rest.delete("Secret", NAMESPACE, name).expect()
    former = shown(server)
    apply_installation(rest, CertificateMode.KEDDAH, server.port)
    with acting(rest, account, tmp_path / "before"):
        await_served(rest, server, former)
        own = leaf(rest)
        with Calls(rest) as calls:
            # The former pods of the controller still run when the installation changes.
            apply_installation(rest, CertificateMode.CERT_MANAGER, server.port)
            until(lambda: adopted(rest), 30)
            assert leaf(rest) == own
            renew(rest, WEBHOOKS)
            await_served(rest, server, own)
        assert calls.failed == []
    theirs = leaf(rest)
    with Calls(rest) as calls:
        take_away(rest)
        apply_installation(rest, CertificateMode.KEDDAH, server.port)
        with acting(rest, account, tmp_path / "after"):
            made = calls.made
            until(lambda: calls.made > made + 50)
    assert calls.failed == []
    assert leaf(rest) == theirs
    apply_installation(rest, CertificateMode.CERT_MANAGER, server.port)


@contextmanager
def acting(rest: Rest, account: Path, folder: Path) -> Iterator[None]:
    """Have a controller of the other mode run."""
    rest.delete("Lease", NAMESPACE, CONTROLLER)
    with ControllerProcess(folder, account) as process:
        process.acting()
        yield
