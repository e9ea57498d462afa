"""The controller process: what it watches, what it keeps, what it needs at its start."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from controller.certificates.certificate import split
from deploy.local.controlplane import ControlPlane
from deploy.manifests import objects
from schemas.crd.definition import crd
from tests.controller_process import ControllerProcess
from tests.rest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rest import Object

CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@pytest.fixture
def configurations(rest: Rest) -> Any:  # noqa: ANN401 - a generator fixture
    """Give the webhook configurations as they are installed, called for no object."""
    nowhere = {"matchLabels": {"no-such-label": "at-all"}}
    for manifest in objects():
        if manifest["kind"] in CONFIGURATIONS:
            webhooks = [{**w, "namespaceSelector": nowhere} for w in manifest["webhooks"]]
            rest.apply({**manifest, "webhooks": webhooks}).expect()
    yield
    for kind in CONFIGURATIONS:
        rest.delete(kind, None, "keddah")


def bundles(rest: Rest) -> set[str]:
    """Return every caBundle that the API server has; "" for none."""
    found = [rest.get(kind, None, "keddah") for kind in CONFIGURATIONS]
    return {w["clientConfig"].get("caBundle", "") for one in found if one for w in one["webhooks"]}


def told(controller: ControllerProcess, kind: str) -> float:
    return controller.metric("keddah_watch_events_total", f'kind="{kind}"')


def test_objects_of_others_are_never_told_of(
    controller: ControllerProcess, rest: Rest, namespace: str
) -> None:
    def config_map(name: str, **labels: str) -> Object:
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}

    before = told(controller, "ConfigMap")
    for number in range(50):
        rest.create(config_map(f"foreign-{number}", app="other")).expect()
    rest.create(config_map("ours", **{"keddah.dev/database": "nobody"})).expect()
    until(lambda: told(controller, "ConfigMap") > before)
    assert told(controller, "ConfigMap") == before + 1


@pytest.mark.usefixtures("configurations")
def test_the_api_server_is_told_whom_to_trust_and_told_again_when_it_forgets(
    controller: ControllerProcess, rest: Rest
) -> None:
    def injected() -> str:
        found = bundles(rest)
        return found.pop() if len(found) == 1 else ""

    bundle = until(injected)
    authority = rest.get("Secret", "keddah-system", "keddah-webhooks-ca")
    assert authority is not None
    assert base64.b64decode(bundle) == base64.b64decode(authority["data"]["ca.crt"])
    assert len(split(base64.b64decode(bundle).decode())) == 1
    for kind in CONFIGURATIONS:
        live = rest.get(kind, None, "keddah")
        assert live is not None
        for webhook in live["webhooks"]:
            webhook["clientConfig"]["caBundle"] = ""
        del live["metadata"]["managedFields"]
        rest.send("PUT", f"/apis/{live['apiVersion']}/{kind.lower()}s/keddah", live).expect()
    until(lambda: injected() == bundle)
    assert not controller.ended()


def test_the_serving_pair_is_in_its_secret_and_comes_back(controller: ControllerProcess, rest: Rest) -> None:
    pair = until(lambda: rest.get("Secret", "keddah-system", "keddah-webhooks-tls"))
    assert pair is not None
    assert set(pair["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert pair["type"] == "kubernetes.io/tls"
    assert controller.metric("keddah_api_requests_total", 'kind="Secret"', 'verb="list"') == 0


def test_liveness_readiness_and_metrics_are_answered(controller: ControllerProcess) -> None:
    assert controller.probe("/healthz") == (200, "ok\n")
    assert controller.probe("/readyz") == (200, "ok\n")
    assert controller.metric("keddah_caches_filled") == 1
    assert controller.metric("keddah_api_requests_total", 'kind="Lease"') > 0


def test_a_controller_that_comes_before_its_crd_waits_for_it(tmp_path: Path) -> None:
    with (
        ControlPlane(tmp_path / "plane") as plane,
        ControllerProcess(tmp_path / "controller", plane.kubeconfig) as process,
    ):
        user = Rest(plane.kubeconfig)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keddah-system"}}
        user.create(namespace).expect()
        until(lambda: "Waited for the API" in process.log.read_text(), 30, process.log.read_text)
        assert process.metric("keddah_caches_filled") == 0
        user.apply(crd()).expect()
        until(lambda: process.metric("keddah_caches_filled") == 1, 30, process.log.read_text)
        user.close()


@pytest.mark.parametrize(
    ("environment", "mistakes"),
    [
        (
            {"KEDDAH_WORKERS": "0", "KEDDAH_LOG_LEVEL": "loud"},
            ["KEDDAH_WORKERS", "KEDDAH_LOG_LEVEL"],
        ),
        ({"KEDDAH_POLICY_FILE": "/no/such/file"}, ["/no/such/file"]),
        ({"KUBECONFIG": "/no/such/file"}, ["/no/such/file"]),
    ],
)
def test_a_wrong_environment_is_refused_with_every_mistake(
    tmp_path: Path, environment: dict[str, str], mistakes: list[str]
) -> None:
    with ControllerProcess(tmp_path, tmp_path / "kubeconfig", **environment) as process:
        assert process.process.wait(30) == 2
        log = process.log.read_text()
    assert all(mistake in log for mistake in mistakes)
    assert "Traceback" not in log
