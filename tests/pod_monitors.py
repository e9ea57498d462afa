"""What the Prometheus operator makes of a PodMonitor: a job of Prometheus' configuration.

It is the part of the operator that our PodMonitors need, by what its documentation says of their fields
(monitoring.coreos.com/v1, PodMonitor and PodMetricsEndpoint); the labels `job`, `endpoint`, `container`,
`namespace` and `pod` are the operator's. A field that is not known here ends the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.rest import Object

_META = "__meta_kubernetes_"
_SPEC = frozenset({"selector", "podMetricsEndpoints", "namespaceSelector"})
_ENDPOINT = frozenset({"port", "path", "honorLabels", "relabelings"})


def jobs(monitor: Object) -> Iterator[Object]:
    """Give a job for each endpoint of a PodMonitor."""
    metadata, spec = monitor["metadata"], monitor["spec"]
    assert spec.keys() <= _SPEC, spec
    within = spec.get("namespaceSelector") or {"matchNames": [metadata["namespace"]]}
    discovery: Object = {"role": "pod"}
    if not within.get("any"):
        discovery["namespaces"] = {"names": within["matchNames"]}
    for number, endpoint in enumerate(spec["podMetricsEndpoints"]):
        assert endpoint.keys() <= _ENDPOINT, endpoint
        yield {
            "job_name": f"podMonitor/{metadata['namespace']}/{metadata['name']}/{number}",
            "honor_labels": endpoint.get("honorLabels", False),
            "metrics_path": endpoint.get("path", "/metrics"),
            "kubernetes_sd_configs": [discovery],
            "relabel_configs": [
                *_selected(spec["selector"], endpoint["port"]),
                *_taken(namespace="namespace", container="pod_container_name", pod="pod_name"),
                {"target_label": "job", "replacement": f"{metadata['namespace']}/{metadata['name']}"},
                {"target_label": "endpoint", "replacement": endpoint["port"]},
                *(_snake(each) for each in endpoint.get("relabelings", ())),
            ],
        }


def _selected(selector: Object, port: str) -> Iterator[Object]:
    """Keep running pods with these labels, and of these the port of that name."""
    yield {"source_labels": [f"{_META}pod_phase"], "regex": "(Failed|Succeeded)", "action": "drop"}
    assert selector.keys() == {"matchLabels"}, selector
    for name, value in selector["matchLabels"].items():
        label = re.sub(r"[^a-zA-Z0-9_]", "_", name)
        yield {
            "source_labels": [f"{_META}pod_label_{label}", f"{_META}pod_labelpresent_{label}"],
            "regex": f"({re.escape(value)});true",
            "action": "keep",
        }
    yield {"source_labels": [f"{_META}pod_container_port_name"], "regex": re.escape(port), "action": "keep"}


def _taken(**facts: str) -> Iterator[Object]:
    for name, fact in facts.items():
        yield {"source_labels": [_META + fact], "target_label": name}


def _snake(relabeling: Mapping[str, Any]) -> Object:
    """Return a relabeling as Prometheus spells it."""
    return {re.sub(r"([A-Z])", r"_\1", name).lower(): each for name, each in relabeling.items()}
