"""The admission server may ask who calls: a real API server shows its certificate, strangers are refused."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from deploy.local.controlplane import ControlPlane
from deploy.local.pki import Authority, Pair
from tests import factory, reviews
from tests.admission import register
from tests.burden import JSON
from tests.installation import install_crd
from tests.rest import Rest
from tests.serving import completed, refused
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "kube-apiserver-webhooks"
REVIEW = json.dumps(reviews.creation(factory.complete_database())).encode()
_CONFIGURATION = "apiserver.config.k8s.io/v1"
_PLUGINS = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("clients"), "clients")


@pytest.fixture(scope="module")
def trusted(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of whom the admission server trusts."""
    file = tmp_path_factory.mktemp("trusted") / "ca.crt"
    file.write_text(authority.pair.certificate.read_text())
    return file


@pytest.fixture(scope="module")
def server(trusted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookProcess]:
    with WebhookProcess(
        tmp_path_factory.mktemp("webhooks"),
        KEDDAH_CLIENT_CA_FILE=str(trusted),
        KEDDAH_CLIENT_NAMES=f"other,{NAME}",
    ) as process:
        yield process


@pytest.fixture(scope="module")
def rest(
    authority: Authority, server: WebhookProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rest]:
    """Give the administrator of an API server that shows a certificate to this admission server alone."""
    folder = tmp_path_factory.mktemp("plane")
    shown = authority.issue("apiserver", NAME)
    flag = _configured(folder, f"127.0.0.1:{server.port}", shown)
    with ControlPlane(folder / "plane", flags=(flag,)) as plane:
        user = Rest(plane.kubeconfig)
        install_crd(user)
        register(user, server)
        yield user
        user.close()


def _configured(folder: Path, host: str, shown: Pair) -> str:
    """Write what docs/how-to/harden.md says, and give the flag of the API server."""
    user = {"client-certificate": str(shown.certificate), "client-key": str(shown.key)}
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "users": [{"name": host, "user": user}]}
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    inner = {
        "apiVersion": _CONFIGURATION,
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(folder / "kubeconfig"),
    }
    plugins = [{"name": name, "configuration": inner} for name in _PLUGINS]
    whole = {"apiVersion": _CONFIGURATION, "kind": "AdmissionConfiguration", "plugins": plugins}
    (folder / "admission.json").write_text(json.dumps(whole))
    return f"--admission-control-config-file={folder / 'admission.json'}"


def asked(server: WebhookProcess, shown: Pair | None) -> tuple[int, str]:
    """Ask for a review with a client's certificate; returns the status and the answer."""
    trust = server.trust()
    if shown is not None:
        trust.load_cert_chain(shown.certificate, shown.key)
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=trust)
    try:
        connection.request("POST", "/validate", REVIEW, JSON)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def turned_away(server: WebhookProcess, shown: Pair | None) -> bool:
    """Tell whether TLS itself refuses a client."""
    try:
        asked(server, shown)
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def test_the_api_server_is_served_by_its_certificate(rest: Rest) -> None:
    right = rest.create(factory.submitted("orders", "default", replicas=2), dryRun="All")
    assert completed(right.body)
    wrong = factory.submitted("orders", "default", version="16.99", replicas=0)
    assert refused(rest.create(wrong, dryRun="All").body)


def test_whoever_shows_no_certificate_is_refused_before_it_can_speak(server: WebhookProcess) -> None:
    assert turned_away(server, None)
    line = "Refused a client client=127.0.0.1 why=PEER_DID_NOT_RETURN_A_CERTIFICATE"
    until(lambda: line in server.log.read_text(), 10)
    assert server.probe("/readyz") == (200, "ok\n")


def test_a_certificate_of_another_authority_is_refused(server: WebhookProcess, tmp_path: Path) -> None:
    assert turned_away(server, Authority(tmp_path, "others").issue("client", NAME))
    until(lambda: "why=CERTIFICATE_VERIFY_FAILED" in server.log.read_text(), 10)


def test_a_certificate_of_another_name_is_refused_with_a_reason(
    server: WebhookProcess, authority: Authority
) -> None:
    status, answer = asked(server, authority.issue("kubelet", "kubelet", serves=["node.example"]))
    assert (status, json.loads(answer)["reason"]) == (403, "Forbidden")
    assert "no name that may call: kubelet, node.example" in answer
    assert 'Refused a request status=403 why="the client' in server.log.read_text()


def test_a_dns_name_is_a_name_too(server: WebhookProcess, authority: Authority) -> None:
    assert asked(server, authority.issue("named", "whoever", serves=[NAME]))[0] == 200


def test_authorities_are_exchanged_while_the_process_runs(
    rest: Rest, server: WebhookProcess, authority: Authority, trusted: Path, tmp_path: Path
) -> None:
    old, next_authority = authority.pair.certificate.read_text(), Authority(tmp_path, "next")
    former, coming = authority.issue("apiserver", NAME), next_authority.issue("client", NAME)
    new = next_authority.pair.certificate.read_text()
    trusted.write_text(old + new)
    until(lambda: not turned_away(server, coming), 10)
    assert asked(server, former)[0] == 200
    trusted.write_text(new)
    until(lambda: turned_away(server, former), 10)
    trusted.write_text("damaged")
    until(lambda: "Could not load the serving pair" in server.log.read_text(), 10)
    assert asked(server, coming)[0] == 200
    trusted.write_text(old)
    until(lambda: not turned_away(server, former), 10)
    assert completed(rest.create(factory.submitted("orders", "default"), dryRun="All").body)


def test_without_its_authorities_it_serves_nobody(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.crt")
    with WebhookProcess(tmp_path / "server", KEDDAH_CLIENT_CA_FILE=missing) as process:
        assert turned_away(process, None)
        assert process.probe("/readyz")[0] == 503
        assert "missing.crt" in process.log.read_text()
