"""The whole circle: the controller issues, the API server trusts, the admission server serves."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from controller.certificates.certificate import Pair
from deploy.generate.admission import admission
from deploy.generate.objects import NAMESPACE, WEBHOOK_TLS, WEBHOOKS
from deploy.generate.variant import Variant
from tests import factory
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.controller_process import ControllerProcess
    from tests.kubectl import Kubectl
    from tests.rest import Object, Rest

MARK = {"test.keddah.dev/circle": "here"}


@pytest.fixture
def mounted(rest: Rest, controller: ControllerProcess) -> Pair:
    """Give the serving pair, as the kubelet would mount it."""
    del controller
    secret: Object = until(lambda: rest.get("Secret", NAMESPACE, WEBHOOK_TLS) or {})
    entries = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    return Pair(entries["tls.crt"], entries["tls.key"])


@pytest.fixture
def served(rest: Rest, mounted: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookProcess]:
    """Give an admission server that is reached through its Service, by the Service's name and certificate."""
    with WebhookProcess(tmp_path_factory.mktemp("circle") / "server", pair=mounted) as process:
        rest.delete("Service", NAMESPACE, WEBHOOKS)
        # No pod network here: the Service leads to this machine, and the API server asks for its own name.
        spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": process.port}]}
        metadata = {"name": WEBHOOKS, "namespace": NAMESPACE}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        rest.create(service).expect()
        for configuration in admission(Variant()):
            rest.apply(pointed(configuration, process.port)).expect()
        yield process
        for configuration in admission(Variant()):
            rest.delete(configuration["kind"], None, configuration["metadata"]["name"])


def pointed(configuration: Object, port: int) -> Object:
    hooks = [
        {
            **hook,
            "namespaceSelector": {"matchLabels": MARK},
            "clientConfig": {"service": {**hook["clientConfig"]["service"], "port": port}},
        }
        for hook in configuration["webhooks"]
    ]
    return {**configuration, "webhooks": hooks}


@pytest.mark.usefixtures("served")
def test_an_installation_admits_by_the_certificates_that_the_controller_issued(
    rest: Rest, kubectl: Kubectl, namespace: str
) -> None:
    rest.merge("Namespace", None, namespace, {"metadata": {"labels": MARK}}).expect()
    wrong = factory.submitted("orders", namespace, version="16.99", replicas=0)

    def told() -> bool:
        causes = rest.create(wrong, dryRun="All").causes
        return set(causes) == {"spec.version", "spec.replicas"}

    until(told, 20, lambda: rest.create(wrong, dryRun="All").message)
    head = "apiVersion: keddah.dev/v1alpha1\nkind: PostgreSQLDatabase\n"
    text = f"{head}metadata: {{name: orders, namespace: {namespace}}}\n"
    kubectl.good("apply", "-f", "-", stdin=text)
    assert rest.get("PostgreSQLDatabase", namespace, "orders")
