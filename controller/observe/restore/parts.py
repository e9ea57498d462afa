"""Which objects with the database's label are there for its restore."""

from __future__ import annotations

from controller.desired import names
from controller.desired.child import controller_reference
from controller.kube.objects import Manifest


def part(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is the request, or serves the volume of a deleted source."""
    name = manifest["metadata"]["name"]
    match kind:
        case "ConfigMap":
            return bool(name == names.restore_request(database))
        case "StatefulSet":
            return bool(name == names.source(database))
        case "Pod":
            owner = controller_reference(manifest)
            return owner is not None and (owner["kind"], owner["name"]) == (
                "StatefulSet",
                names.source(database),
            )
        case _:
            return False
