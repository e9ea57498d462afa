"""What is scraped: as PodMonitors of the Prometheus operator, and as scrape_configs of a plain Prometheus.

Both give a series the same labels: `namespace` and `pod`, and `database` or `component` from labels of the
pod. What a page says itself wins over that (honor_labels): the controller's series are about databases of
other namespaces than its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.desired import labels
from controller.kube.objects import Manifest
from deploy.generate.monitoring.rules import API
from deploy.generate.monitoring.series import DATABASES_JOB, KEDDAH_JOB
from deploy.generate.objects import NAMESPACE, manifest

_META = "__meta_kubernetes_"


@dataclass(frozen=True, slots=True)
class Target:
    """Pods of one kind."""

    name: str
    selector: dict[str, str]
    port: str
    """The name of a container's port."""
    labels: dict[str, str]
    """Labels of each series: the pod's label that each is from."""
    everywhere: bool
    """Whether they are in users' namespaces."""


TARGETS = (
    Target(
        KEDDAH_JOB,
        {"app.kubernetes.io/name": "keddah"},
        "health",
        {"component": labels.COMPONENT},
        everywhere=False,
    ),
    Target(
        DATABASES_JOB,
        {"app.kubernetes.io/managed-by": "keddah", labels.COMPONENT: labels.INSTANCE},
        "metrics",
        {"database": labels.DATABASE},
        everywhere=True,
    ),
)


def pod_monitors(namespaces: Sequence[str] = ()) -> tuple[Manifest, ...]:
    """Return a PodMonitor of each; databases are looked for in these namespaces, or in all."""
    return tuple(_pod_monitor(target, namespaces) for target in TARGETS)


def scrape_configs(namespaces: Sequence[str] = ()) -> Manifest:
    """Return the part of prometheus.yml; Prometheus needs the right to list and watch these pods."""
    return {"scrape_configs": [_scrape_config(target, namespaces) for target in TARGETS]}


def _pod_monitor(target: Target, namespaces: Sequence[str]) -> Manifest:
    endpoint = {
        "port": target.port,
        "path": "/metrics",
        "honorLabels": True,
        "relabelings": [
            {"sourceLabels": [_meta(f"pod_label_{label}")], "targetLabel": name}
            for name, label in target.labels.items()
        ],
    }
    spec: Manifest = {"selector": {"matchLabels": target.selector}, "podMetricsEndpoints": [endpoint]}
    if target.everywhere:
        spec["namespaceSelector"] = {"matchNames": [*namespaces]} if namespaces else {"any": True}
    return manifest(API, "PodMonitor", target.name, {"spec": spec})


def _scrape_config(target: Target, namespaces: Sequence[str]) -> Manifest:
    within = namespaces if target.everywhere else [NAMESPACE]
    discovery: Manifest = {
        "role": "pod",
        "selectors": [{"role": "pod", "label": ",".join(f"{k}={v}" for k, v in target.selector.items())}],
    }
    if within:
        discovery["namespaces"] = {"names": [*within]}
    taken = {"namespace": "namespace", "pod": "pod_name"}
    taken |= {name: f"pod_label_{label}" for name, label in target.labels.items()}
    return {
        "job_name": target.name,
        "honor_labels": True,
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": [
            {"source_labels": [_meta("pod_container_port_name")], "regex": target.port, "action": "keep"},
            # Pods that have ended keep their address for a while.
            {"source_labels": [_meta("pod_phase")], "regex": "Succeeded|Failed", "action": "drop"},
            *({"source_labels": [_meta(meta)], "target_label": name} for name, meta in taken.items()),
        ],
    }


def _meta(name: str) -> str:
    """Return what service discovery calls a fact about a pod; letters that a label cannot have become `_`."""
    return _META + "".join(letter if letter.isalnum() else "_" for letter in name)
