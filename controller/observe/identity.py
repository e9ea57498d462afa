"""PostgreSQL's system identifier, kept on the StatefulSet in case Patroni's ConfigMap is lost."""

from __future__ import annotations

from controller.kube.objects import annotations_of
from controller.observe.state import ObservedState

IDENTIFIER = "keddah.dev/system-identifier"
"""Annotation of the StatefulSet."""


def identifier(observed: ObservedState) -> str:
    """Return the system identifier, "" before initdb."""
    return observed.leadership.identifier or annotations_of(observed.statefulset).get(IDENTIFIER, "")
