"""The controller: two pods, of which one works and one waits for the Lease."""

from __future__ import annotations

from controller.kube.objects import Manifest
from deploy.generate.objects import (
    CONTROLLER,
    HEALTH_PORT,
    POLICY_KEY,
    container,
    deployment,
    disruption_budget,
    manifest,
    pod,
    policy_volume,
    probes,
    selector,
)
from deploy.generate.variant import Variant

COMPONENT_NAME = "controller"


def controller(variant: Variant) -> tuple[Manifest, ...]:
    """Return the Deployment with its budget and its NetworkPolicy."""
    return (
        deployment(CONTROLLER, COMPONENT_NAME, _pod(variant), most_missing=1),
        disruption_budget(CONTROLLER, COMPONENT_NAME),
        _network_policy(),
    )


def certificates_setting(variant: Variant) -> Manifest:
    """Return the environment variable that tells the controller who makes the webhooks' certificates."""
    return {"name": "KEDDAH_CERTIFICATES", "value": str(variant.certificates)}


def _pod(variant: Variant) -> Manifest:
    process = container(
        COMPONENT_NAME,
        "controller",
        env=[
            {"name": "KEDDAH_POLICY_FILE", "value": f"/etc/keddah/policy/{POLICY_KEY}"},
            {"name": "KEDDAH_METRICS_LISTEN", "value": f":{HEALTH_PORT}"},
            certificates_setting(variant),
            {"name": "KEDDAH_WATCH_NAMESPACES", "value": ",".join(variant.namespaces)},
            {"name": "KEDDAH_LOG_LEVEL", "value": "info"},
            {"name": "KEDDAH_LOG_FORMAT", "value": "JSON"},
            _from_field("KEDDAH_NAMESPACE", "metadata.namespace"),
            _from_field("KEDDAH_IDENTITY", "metadata.name"),
        ],
        ports=[{"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"}],
        **probes(ready_every=2),
        resources={"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "384Mi"}},
        volumeMounts=[
            {"name": "policy", "mountPath": "/etc/keddah/policy", "readOnly": True},
        ],
    )
    return pod(COMPONENT_NAME, process, [policy_volume()], serviceAccountName=CONTROLLER)


def _from_field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _network_policy() -> Manifest:
    """Return who may call: anyone who asks for health or metrics.

    Where the API server listens differs from cluster to cluster (443, 6443, 16443, behind any proxy), so what
    the controller may reach is left open; a policy of the user's own narrows that.
    """
    spec: Manifest = {
        "podSelector": {"matchLabels": selector(COMPONENT_NAME)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": HEALTH_PORT, "protocol": "TCP"}]}],
    }
    body = {"spec": spec}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", CONTROLLER, body, component=COMPONENT_NAME)
