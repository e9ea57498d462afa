"""What kept volumes hold, so that a database created again on them is not taken for another.

The volumes' major version, database and owner are noted on NAME-config, which is kept with them. Before
initdb there is nothing to hold, and the note follows the spec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import UNSET

from controller.desired import names
from controller.desired.instances.patroni import major
from controller.kube.kinds import DATABASE_LABEL
from controller.kube.objects import Manifest
from controller.observe.state import ObservedState
from controller.plan.outcome import Stalled
from schemas.api.types import PostgreSQLDatabase

HOLDS = "keddah.dev/holds"
"""Annotation of NAME-config: JSON of the fields below."""


def noted(configuration: Manifest, db: PostgreSQLDatabase, observed: ObservedState) -> Manifest:
    """Return NAME-config with the note; once there is data, the note stays what it is."""
    held = (_held(db, observed) if observed.leadership.identifier else None) or _declared(db)
    metadata = configuration["metadata"]
    annotations = {**metadata.get("annotations", {}), HOLDS: json.dumps(held, separators=(",", ":"))}
    return {**configuration, "metadata": {**metadata, "annotations": annotations}}


def other_data(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | None:
    """Report kept volumes whose data the new object's instances could not serve.

    Only before there are instances: afterwards the fields are immutable, and the version is the accepted one.
    """
    if observed.statefulset is not None:
        return None
    if not observed.claims:
        return _gone(db) if _is_new(db, observed) and observed.leadership.identifier else None
    if _is_new(db, observed) and _configuration(db, observed) is None:
        return _unknown(db, observed)
    if not observed.leadership.identifier:
        return None
    declared, held = _declared(db), _held(db, observed)
    if held is None or held == declared:
        return None
    different = [field for field in declared if held[field] != declared[field]]
    are = _words({field: held[field] for field in different})
    wanted = ", ".join(f'"{declared[field]}"' for field in different)
    return Stalled(
        "VolumesHoldOther",
        f"the kept volumes were made with {are}, and not {wanted}: delete this object and create it with"
        f" that, or give the kept data up: {_give_up(db)}",
    )


def _unknown(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled:
    """Report kept volumes without the ConfigMap that says what they hold, and which of them is newest."""
    name, namespace = db.metadata.name, db.metadata.namespace
    config, label = names.config(name), f"{DATABASE_LABEL}={name}"
    volumes = ", ".join(claim.name for claim in observed.claims)
    newest = "" if len(observed.claims) == 1 else " Which of them is newest is unknown, too."
    return Stalled(
        "VolumesUnknown",
        f"there are volumes of a former database of this name ({volumes}), but {config} is gone:"
        f" whether they hold {_words(_declared(db))} is unknown.{newest} If you know that they do, say so:"
        f" kubectl create configmap {config} -n {namespace} &&"
        f" kubectl label configmap {config} -n {namespace} {label};"
        f" or give the data up: {_give_up(db)}",
    )


def _gone(db: PostgreSQLDatabase) -> Stalled:
    """Report Patroni's state of a former database: an empty instance would wait for that one's primary."""
    config = names.config(db.metadata.name)
    return Stalled(
        "VolumesGone",
        f"{config} is that of a former database of this name, and its volumes are gone:"
        f" bring them back, or give the data up: {_give_up(db)}",
    )


def _give_up(db: PostgreSQLDatabase) -> str:
    """Return the command that deletes the kept data."""
    return f"kubectl delete pvc,configmap -n {db.metadata.namespace} -l {DATABASE_LABEL}={db.metadata.name}"


def _words(fields: Mapping[str, str]) -> str:
    return ", ".join(f'{field}: "{value}"' for field, value in fields.items())


def _declared(db: PostgreSQLDatabase) -> dict[str, str]:
    return {"version": major(db), "database": str(db.spec.database), "owner": str(db.spec.owner)}


def _is_new(db: PostgreSQLDatabase, observed: ObservedState) -> bool:
    """Whether this object never ran anything: then the volumes are those of a former one."""
    return db.status.current_version is UNSET and not observed.instances


def _configuration(db: PostgreSQLDatabase, observed: ObservedState) -> Manifest | None:
    return observed.children.get("ConfigMap", {}).get(names.config(db.metadata.name))


def _held(db: PostgreSQLDatabase, observed: ObservedState) -> dict[str, str] | None:
    """Read the note; None when there is none, or it is damaged."""
    live = _configuration(db, observed)
    text = ((live or {"metadata": {}})["metadata"].get("annotations") or {}).get(HOLDS, "")
    try:
        read = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(read, dict) and read.keys() == _declared(db).keys()
    return {field: str(value) for field, value in read.items()} if whole else None
