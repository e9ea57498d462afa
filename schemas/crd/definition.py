"""The CustomResourceDefinition, made from the typed structures."""

from __future__ import annotations

from typing import Any

from schemas.api.types import GROUP, KIND, PLURAL, SHORT_NAME, SINGULAR, VERSION
from schemas.crd import openapi


def crd() -> dict[str, Any]:
    """Give the CRD; every call gives a new one, safe to change."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}, "scale": _scale()},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _schema() -> dict[str, Any]:
    schema = openapi.structural_schema()
    # Without it, an object that the controller has not seen yet passes for one that is as declared (kstatus).
    schema["properties"]["status"]["default"] = {"observedGeneration": -1}
    return schema


def _scale() -> dict[str, str]:
    return {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }


def _columns() -> list[dict[str, str]]:
    def column(name: str, path: str, description: str, kind: str = "string") -> dict[str, str]:
        return {"name": name, "type": kind, "jsonPath": path, "description": description}

    reason = '.status.conditions[?(@.type=="Ready")].reason'
    return [
        column("Version", ".status.currentVersion", "Version that the primary reports."),
        column("Ready", ".status.ready", "Ready and desired instances."),
        column("Primary", ".status.primary", "Pod that accepts writes."),
        column("Status", reason, "What matters most now."),
        column("Last Backup", ".status.lastBackupTime", "When the newest good backup ended.", "date"),
        column("Age", ".metadata.creationTimestamp", "When the object was made.", "date"),
    ]
