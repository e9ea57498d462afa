"""The install manifests' webhook configurations, pointed at a process on this machine."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from deploy.generate.admission import admission
from deploy.generate.variant import Variant
from tests.waiting import until

if TYPE_CHECKING:
    from tests.rest import Rest
    from tests.webhook_process import WebhookProcess

UNGUARDED = "test.keddah.dev/unguarded"
"""A namespace with this label is none that the webhooks are called for."""

_PROBE = {
    "apiVersion": "keddah.dev/v1alpha1",
    "kind": "PostgreSQLDatabase",
    "metadata": {"name": "probe", "namespace": "default"},
    "spec": {"version": "99.99"},
}


def configurations(process: WebhookProcess) -> list[dict[str, Any]]:
    """Give both configurations: as installed, but by `url` and with the process's own authority."""
    bundle = base64.b64encode(process.authority.crt.encode()).decode()
    selector = {"matchExpressions": [{"key": UNGUARDED, "operator": "DoesNotExist"}]}
    found = []
    for configuration in admission(Variant()):
        hooks = [
            {
                **hook,
                "namespaceSelector": selector,
                "clientConfig": {
                    "url": f"https://127.0.0.1:{process.port}{hook['clientConfig']['service']['path']}",
                    "caBundle": bundle,
                },
            }
            for hook in configuration["webhooks"]
        ]
        found.append({**configuration, "webhooks": hooks})
    return found


def register(rest: Rest, process: WebhookProcess) -> None:
    """Install the configurations and wait until the API server calls both kinds."""
    for configuration in configurations(process):
        rest.apply(configuration).expect()
    protected = {**_PROBE, "spec": {"replicas": 1}}
    until(lambda: _refused_by(rest, "mutate", _PROBE) and _completed(rest, protected), 20)


def unregister(rest: Rest) -> None:
    """Remove the configurations."""
    for configuration in admission(Variant()):
        rest.delete(configuration["kind"], None, configuration["metadata"]["name"]).expect()


def _refused_by(rest: Rest, hook: str, manifest: dict[str, Any]) -> bool:
    return f"{hook}.keddah.dev" in rest.create(manifest, dryRun="All").message


def _completed(rest: Rest, manifest: dict[str, Any]) -> bool:
    # The first warning of one replica comes from the validating hook.
    answer = rest.create(manifest, dryRun="All")
    return answer.accepted and any("high availability" in warning for warning in answer.warnings)


def moved(configuration: dict[str, Any], *, port: int) -> dict[str, Any]:
    """Give a configuration that calls another port."""
    hooks = [
        {
            **hook,
            "clientConfig": {
                **hook["clientConfig"],
                "url": f"https://127.0.0.1:{port}/{hook['clientConfig']['url'].rpartition('/')[2]}",
            },
        }
        for hook in configuration["webhooks"]
    ]
    return {**configuration, "webhooks": hooks}
