"""Which objects with the database's label are the instances': their names and kinds are deterministic."""

from __future__ import annotations

from controller.desired import names
from controller.desired.child import controller_reference
from controller.kube.objects import Manifest


def part(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is an instance, its volume claim, its StatefulSet, or a ConfigMap beside them."""
    name = manifest["metadata"]["name"]
    match kind:
        case "Pod":
            owner = controller_reference(manifest)
            made = owner is None or (owner["kind"], owner["name"]) == ("StatefulSet", database)
            return made and _numbered(name, names.pod(database, 0))
        case "PersistentVolumeClaim":
            return _numbered(name, names.claim(database, 0))
        case "ConfigMap":
            return name in (*names.patroni_state(database), names.secrets_watch(database))
        case "StatefulSet":
            return bool(name == names.statefulset(database))
        case _:
            return False


def _numbered(name: str, first: str) -> bool:
    """Whether a name is that of a StatefulSet's pod or claim, given the name of the first."""
    tail = name.removeprefix(first[:-1])
    return tail != name and tail.isdecimal() and str(int(tail)) == tail
