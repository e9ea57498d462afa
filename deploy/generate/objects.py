"""What the installation's objects have in common: names, labels, and the least that a container needs."""

from __future__ import annotations

from typing import Any, Final

from controller.kube.objects import Manifest
from schemas.release import RELEASE

NAMESPACE: Final = "keddah-system"
CONTROLLER: Final = "keddah-controller"
WEBHOOKS: Final = "keddah-webhooks"
WEBHOOK_TLS: Final = "keddah-webhooks-tls"
PRIORITY_CLASS: Final = "keddah"
POLICY: Final = "keddah-policy"
POLICY_KEY: Final = "policy.yaml"

DEFAULT_REGISTRY: Final = "keddah.dev"
VERSION: Final = RELEASE
OPERATOR_IMAGE: Final = "keddah-operator"
DATABASE_IMAGE: Final = "keddah-postgres"
LARGER_DATABASE_IMAGE: Final = "keddah-postgres-extensions"
"""In place of the other in the whole catalogue: with extensions that would make that one twice as large."""

CONTROLLERS_USER: Final = f"system:serviceaccount:{NAMESPACE}:{CONTROLLER}"

HEALTH_PORT: Final = 8080
_USER = 65532
_ADMISSION = "admissionregistration.k8s.io/v1"


def image(name: str, registry: str = DEFAULT_REGISTRY, tag: str = VERSION) -> str:
    """Return an image's reference."""
    return f"{registry}/{name}:{tag}"


def labels(component: str | None = None) -> dict[str, str]:
    """Return the labels of one of the operator's own objects."""
    common = {"app.kubernetes.io/name": "keddah", "app.kubernetes.io/part-of": "keddah"}
    return common | ({"app.kubernetes.io/component": component} if component else {})


def selector(component: str) -> dict[str, str]:
    """Return the labels that find the pods of one component; a Deployment's can never change."""
    return {"app.kubernetes.io/name": "keddah", "app.kubernetes.io/component": component}


def manifest(
    api_version: str,
    kind: str,
    name: str,
    body: Manifest,
    *,
    component: str | None = None,
    namespaced: bool = True,
) -> Manifest:
    """Return an object of the operator's namespace, or with `namespaced` false of the cluster."""
    metadata: Manifest = {"name": name, "labels": labels(component)}
    if namespaced:
        metadata["namespace"] = NAMESPACE
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def deployment(name: str, component: str, pod: Manifest, *, most_missing: int) -> Manifest:
    """Return a Deployment of two pods, apart from each other if there are nodes enough."""
    rolling = {"maxUnavailable": most_missing, "maxSurge": 1}
    spec: Manifest = {
        "replicas": 2,
        # A pod counts as available, and its predecessor goes, when Services have had time to lead to it.
        "minReadySeconds": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "selector": {"matchLabels": selector(component)},
        "template": {"metadata": {"labels": labels(component)}, "spec": pod},
    }
    return manifest("apps/v1", "Deployment", name, {"spec": spec}, component=component)


def pod(component: str, container: Manifest, volumes: list[Manifest], **more: Any) -> Manifest:  # noqa: ANN401
    """Return a pod's spec that Pod Security's `restricted` admits."""
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": where,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(component)},
        }
        for where in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return {
        **more,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "priorityClassName": PRIORITY_CLASS,
        "topologySpreadConstraints": spread,
        "containers": [container],
        "volumes": volumes,
    }


def container(name: str, module: str, **more: Any) -> Manifest:  # noqa: ANN401
    """Return the container that runs a module of the operator's image."""
    return {
        "name": name,
        "image": image(OPERATOR_IMAGE),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", module],
        **more,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def probes(*, ready_every: int) -> Manifest:
    """Return the probes of the plain HTTP port that kubelet and Prometheus use; the period in seconds.

    On a starved node a process needs long to start and to answer. To end it then makes matters worse: all
    of them start anew for ever, so minutes of silence pass before that.
    """
    return {
        "startupProbe": _probe("/healthz", period=1, failures=180),
        "readinessProbe": _probe("/readyz", period=ready_every, failures=3),
        "livenessProbe": _probe("/healthz", period=20, failures=9),
    }


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def policy_volume() -> Manifest:
    """Return the policy's volume: mounted as a folder, for a mounted file never changes."""
    return {"name": "policy", "configMap": {"name": POLICY}}


def disruption_budget(name: str, component: str) -> Manifest:
    """Return the budget that lets a drain take one of the two at a time, and any that is not ready anyway."""
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(component)},
    }
    return manifest("policy/v1", "PodDisruptionBudget", name, {"spec": spec}, component=component)


def admission_policy(name: str, rules: list[Manifest], expression: str, message: str) -> Manifest:
    """Return a policy by which the API server refuses what a rule matches unless the expression is true.

    `message` is CEL too. One that cannot be evaluated stands in nobody's way.
    """
    validation = {"expression": expression, "messageExpression": message, "reason": "Forbidden"}
    spec = {
        "failurePolicy": "Ignore",
        "matchConstraints": {"resourceRules": rules},
        "validations": [validation],
    }
    return manifest(_ADMISSION, "ValidatingAdmissionPolicy", name, {"spec": spec}, namespaced=False)


def admission_binding(name: str, **more: Manifest) -> Manifest:
    """Return the binding by which the policy of the same name holds."""
    spec = {"policyName": name, "validationActions": ["Deny"], **more}
    return manifest(_ADMISSION, "ValidatingAdmissionPolicyBinding", name, {"spec": spec}, namespaced=False)
