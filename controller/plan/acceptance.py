"""What of a database was accepted, so that later changes, refusals and losses are judged by it.

The accepted spec is noted on the StatefulSet; with the pod template, as keddah last wrote it, a second time
in NAME-config. So a StatefulSet that somebody deleted comes back as it was, whatever the policy allows today.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.desired import names
from controller.kube.objects import Manifest
from controller.observe.state import ObservedState
from schemas.api.types import PostgreSQLDatabase

ACCEPTED = "keddah.dev/accepted"
"""Annotation of the StatefulSet: the last accepted spec."""
NOTE = "accepted.json"
"""Entry of NAME-config. Not an annotation: with Patroni's settings, those could not hold the largest spec."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The last accepted spec, and the pod template that was made of it."""

    spec: Mapping[str, Any]
    template: Manifest | None = None
    """As it was written; None where an earlier release of keddah wrote no note of it."""


def acceptance(manifest: Mapping[str, Any], observed: ObservedState) -> Acceptance | None:
    """Return what was accepted of this object before; None if it is new.

    The StatefulSet counts where the two differ, because it is written last. A note of a former object of the
    same name is none of this one's.
    """
    metadata = manifest["metadata"]
    live = observed.children.get("ConfigMap", {}).get(names.config(metadata["name"])) or {}
    note = _parsed((live.get("data") or {}).get(NOTE))
    if note.get("uid") != metadata.get("uid"):
        note = {}
    annotations = (observed.statefulset or {"metadata": {}})["metadata"].get("annotations") or {}
    spec = _parsed(annotations.get(ACCEPTED)) or note.get("spec")
    template = note.get("template")
    if not isinstance(spec, dict) or not spec:
        return None
    return Acceptance(spec, template if isinstance(template, dict) and template else None)


def noted(configuration: Manifest, db: PostgreSQLDatabase, accepted: str, template: Manifest) -> Manifest:
    """Return NAME-config with the note."""
    note = {"uid": db.metadata.uid, "spec": json.loads(accepted), "template": template}
    text = json.dumps(note, sort_keys=True, separators=(",", ":"))
    return {**configuration, "data": {**configuration["data"], NOTE: text}}


def _parsed(text: object) -> dict[str, Any]:
    try:
        read = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
