"""The admission server: two pods without any right in the cluster, behind a Service."""

from __future__ import annotations

from controller.kube.objects import Manifest
from deploy.generate.objects import (
    HEALTH_PORT,
    POLICY_KEY,
    WEBHOOK_TLS,
    WEBHOOKS,
    container,
    deployment,
    disruption_budget,
    manifest,
    pod,
    policy_volume,
    probes,
    selector,
)

COMPONENT_NAME = "webhooks"
SERVICE_PORT = 443
PORT = 8443
"""Of the pods; a value of the chart, for a firewall may let the control plane through to some ports only."""
_DRAIN_SECONDS = 5


def webhooks() -> tuple[Manifest, ...]:
    """Return the Service and what stands behind it.

    The serving pair is the controller's to make: until it has, the pods wait for their volume.
    """
    return (
        manifest(
            "v1",
            "ServiceAccount",
            WEBHOOKS,
            {"automountServiceAccountToken": False},
            component=COMPONENT_NAME,
        ),
        _service(),
        deployment(WEBHOOKS, COMPONENT_NAME, _pod(), most_missing=0),
        disruption_budget(WEBHOOKS, COMPONENT_NAME),
        _network_policy(),
    )


def _service() -> Manifest:
    spec = {
        "selector": selector(COMPONENT_NAME),
        "ports": [{"name": "https", "port": SERVICE_PORT, "targetPort": "https", "protocol": "TCP"}],
    }
    return manifest("v1", "Service", WEBHOOKS, {"spec": spec}, component=COMPONENT_NAME)


def _pod() -> Manifest:
    process = container(
        COMPONENT_NAME,
        "webhooks",
        env=[
            {"name": "KEDDAH_POLICY_FILE", "value": f"/etc/keddah/policy/{POLICY_KEY}"},
            {"name": "KEDDAH_TLS_DIR", "value": "/etc/keddah/tls"},
            {"name": "KEDDAH_LISTEN", "value": f":{PORT}"},
            {"name": "KEDDAH_METRICS_LISTEN", "value": f":{HEALTH_PORT}"},
            # Calls still arrive after SIGTERM, until every node knows that this pod has left the Service.
            {"name": "KEDDAH_DRAIN_SECONDS", "value": str(_DRAIN_SECONDS)},
            {"name": "KEDDAH_LOG_LEVEL", "value": "info"},
            {"name": "KEDDAH_LOG_FORMAT", "value": "JSON"},
        ],
        ports=[
            {"name": "https", "containerPort": PORT, "protocol": "TCP"},
            {"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"},
        ],
        **probes(ready_every=1),
        resources={"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        volumeMounts=[
            {"name": "policy", "mountPath": "/etc/keddah/policy", "readOnly": True},
            {"name": "tls", "mountPath": "/etc/keddah/tls", "readOnly": True},
        ],
    )
    tls = {"name": "tls", "secret": {"secretName": WEBHOOK_TLS, "defaultMode": 0o440}}
    return pod(
        COMPONENT_NAME,
        process,
        [policy_volume(), tls],
        serviceAccountName=WEBHOOKS,
        automountServiceAccountToken=False,
    )


def _network_policy() -> Manifest:
    """Return who may call: anyone, for no policy knows the API server's address; and it calls nobody."""
    ports = [{"port": port, "protocol": "TCP"} for port in (PORT, HEALTH_PORT)]
    spec: Manifest = {
        "podSelector": {"matchLabels": selector(COMPONENT_NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": ports}],
        "egress": [],
    }
    return manifest(
        "networking.k8s.io/v1", "NetworkPolicy", WEBHOOKS, {"spec": spec}, component=COMPONENT_NAME
    )
