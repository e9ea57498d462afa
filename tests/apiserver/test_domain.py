"""The cluster's domain, as the controller is told it, reaches the databases' certificates."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography import x509

from tests import factory
from tests.apiserver.conftest import free_lease
from tests.children import passwords
from tests.controller_process import ControllerProcess
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rest import Rest


def test_another_domain_renews_the_certificate_and_leaves_passwords_and_pods_alone(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> None:
    rest.create(factory.submitted("orders", namespace, version="17", replicas=1)).expect()
    kept = []
    for domain in ("cluster.local", "k8s.example"):
        free_lease(rest)
        folder = tmp_path / domain
        with ControllerProcess(folder, controller_kubeconfig, KEDDAH_CLUSTER_DOMAIN=domain) as process:
            process.acting()
            known = f"orders.{namespace}.svc.{domain}"
            until(lambda known=known: known in hosts(rest, namespace), 20, process.log.read_text)  # type: ignore[misc]
            pods = until(lambda: rest.get("StatefulSet", namespace, "orders"), 20, process.log.read_text)
            kept.append((passwords(rest, namespace), (pods or {})["spec"]["template"]))
    assert f"orders.{namespace}.svc.cluster.local" not in hosts(rest, namespace)
    assert kept[0] == kept[1]


def hosts(rest: Rest, namespace: str) -> list[str]:
    """Give the names in the server's certificate; none while there is none."""
    secret = rest.get("Secret", namespace, "orders-tls")
    if secret is None:
        return []
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)
