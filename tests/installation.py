"""keddah's own objects in an API server: as `kubectl apply -k deploy/install` makes them, less the pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.generate.objects import CONTROLLER, NAMESPACE, WEBHOOKS
from deploy.manifests import objects
from schemas.crd.definition import crd
from tests.rest import path, token_kubeconfig
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rest import Object, Rest

LEFT_OUT = frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})
"""Tests install them when somebody answers there."""
ACCOUNTS = (CONTROLLER, WEBHOOKS)


def install_crd(rest: Rest) -> None:
    """Install the CRD and wait until its objects are served."""
    answer = rest.apply(crd())
    assert answer.expect()
    assert answer.warnings == ()
    until(lambda: _established(rest.get("CustomResourceDefinition", None, crd()["metadata"]["name"])), 10)
    # Established comes before its storage is ready, which answers 429 till then.
    until(lambda: rest.send("GET", path("PostgreSQLDatabase", "default")).accepted, 10)


def _established(definition: Object | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def install(rest: Rest) -> None:
    """Apply every object but the webhook configurations."""
    for manifest in objects():
        if manifest["kind"] not in LEFT_OUT:
            rest.apply(manifest).expect()


def tidy(rest: Rest) -> bool:
    """Tell whether all that earlier modules made is gone: a controller would take care of it as well."""
    phases = [each["status"]["phase"] for each in rest.list("Namespace")]
    return "Terminating" not in phases


def account_kubeconfig(rest: Rest, administrator: Path, account: str, target: Path) -> Path:
    """Write the kubeconfig of one of keddah's ServiceAccounts: with its rights and no others."""
    return token_kubeconfig(administrator.read_text(), token(rest, account), target)


def token(rest: Rest, account: str) -> str:
    """Ask for a token, as the kubelet does for a pod."""
    request: Object = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 7200},
    }
    where = path("ServiceAccount", NAMESPACE, account, "token")
    return str(rest.send("POST", where, request).expect()["status"]["token"])
