"""What kstatus computes for an object, and so what Flux, Argo CD's generic checks and kpt wait for.

Restated from the documentation of sigs.k8s.io/cli-utils, pkg/kstatus (README.md, "Statuses", "Conditions",
"The Ready Condition"): the rules for a custom resource, in the order in which they are asked.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

Kstatus: TypeAlias = Literal["Terminating", "InProgress", "Failed", "Current"]


def kstatus(manifest: dict[str, Any]) -> Kstatus:
    """Compute the status of a custom resource."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    holds = {condition["type"]: condition["status"] == "True" for condition in status.get("conditions") or []}
    if holds.get("Reconciling"):
        return "InProgress"
    if holds.get("Stalled"):
        return "Failed"
    return "Current" if holds.get("Ready", True) else "InProgress"
