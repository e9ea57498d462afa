"""The labels by which Patroni finds its ConfigMaps: without them it has no lock, and nobody to wait for."""

from __future__ import annotations

from controller.desired import labels, names
from controller.observe.state import ObservedState
from controller.plan.actions import Apply
from schemas.api.types import PostgreSQLDatabase


def labels_lost(observed: ObservedState, db: PostgreSQLDatabase) -> list[Apply]:
    """Return the writes of labels that somebody took off; all else in these ConfigMaps is Patroni's.

    NAME-config is a child like others, and written as a whole.
    """
    name = db.metadata.name
    made = set(names.patroni_state(name)) - {names.config(name)}
    found = {each: live for each, live in observed.children.get("ConfigMap", {}).items() if each in made}
    return [
        Apply(_labelled(each, db), "somebody took the labels off by which Patroni finds it")
        for each, live in found.items()
        if _half_labelled(live["metadata"].get("labels") or {}, name)
    ]


def _half_labelled(live: dict[str, str], name: str) -> bool:
    wanted = labels.patroni(name)
    return 0 < sum(live.get(key) == value for key, value in wanted.items()) < len(wanted)


def _labelled(config_map: str, db: PostgreSQLDatabase) -> dict[str, object]:
    metadata = {
        "name": config_map,
        "namespace": db.metadata.namespace,
        "labels": labels.patroni(db.metadata.name),
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
