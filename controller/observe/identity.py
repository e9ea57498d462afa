"""PostgreSQL's system identifier, kept on the StatefulSet in case Patroni's ConfigMap is lost."""

from __future__ import annotations

from controller.desired.restore import COMPONENT
from controller.kube.objects import annotations_of
from controller.observe.state import ObservedState
from controller.protocol.settings import REQUEST, ProtocolError, RestoreRequest
from schemas.rules.requests import RESTORE

IDENTIFIER = "keddah.dev/system-identifier"
"""Annotation of the StatefulSet."""


def identifier(observed: ObservedState) -> str:
    """Return the system identifier, "" before initdb."""
    noted = observed.leadership.identifier or annotations_of(observed.statefulset).get(IDENTIFIER, "")
    return noted or _replaced(observed)


def _replaced(observed: ObservedState) -> str:
    """Return that of data which is being restored in place: the StatefulSet may have gone meanwhile."""
    for request in observed.of(COMPONENT, "ConfigMap").values():
        if not annotations_of(request).get(RESTORE):
            continue
        try:
            archive = RestoreRequest.read((request.get("data") or {}).get(REQUEST, "")).source.archive
        except ProtocolError:
            continue
        return archive.rpartition("-")[2]
    return ""
