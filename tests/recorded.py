"""Databases as kubectl has them: recorded on a cluster, read by the tests of what `kubectl pgdb` prints.

`python -m tests.recorded STATE [--reason REASON]` records the database `orders` of the namespace `shop` once
Ready has that reason: with kubectl as it is set up, and less what no screen shows.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from kubectl_pgdb.activity import PINNED, STATEMENT, Activity
from kubectl_pgdb.activity import read as activity
from kubectl_pgdb.kubectl import Kubectl, KubectlError
from kubectl_pgdb.objects import CONTAINER, LABEL, Database, database
from kubectl_pgdb.session import KIND, PLURAL
from kubectl_pgdb.words import moment

FOLDER: Final = Path(__file__).parent / "unit" / "data" / "pgdb"
NAME: Final = "orders"
_NOISE: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
_FRACTION: Final = re.compile(r"(?<=:\d\d)\.\d+Z")
_KUBECTL: Final = Kubectl(("--namespace=shop",))
_SHOWN: Final = {
    "metadata": {
        "name",
        "namespace",
        "labels",
        "annotations",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
    },
    "spec": {"nodeName"},
    "status": {"conditions", "containerStatuses", "phase", "reason", "capacity", "startTime", "active"},
}
"""Of pods, claims and Jobs."""


class Recorded:
    """One database at one moment."""

    def __init__(self, state: str) -> None:
        self._said: dict[str, Any] = json.loads((FOLDER / f"{state}.json").read_text(encoding="utf-8"))
        at = moment(self._said["at"])
        assert at is not None
        self.at: datetime = at

    @property
    def database(self) -> Database:
        """The database with all that belongs to it."""
        return database(self._said["database"], self._said["children"], self._said["events"])

    @property
    def activity(self) -> Activity | None:
        """What its primary did; None where none answered."""
        said = self._said["activity"]
        return activity(json.dumps(said)) if said else None


def record(reason: str) -> dict[str, Any]:
    """Read all of it as soon as Ready has a reason."""
    while reason and _ready(_KUBECTL.read("get", PLURAL, NAME)) != reason:
        time.sleep(0.05)
    named = f"involvedObject.kind={KIND},involvedObject.name={NAME}"
    read = _KUBECTL.reads(
        ("get", PLURAL, NAME),
        ("get", "pods,persistentvolumeclaims,jobs", f"--selector={LABEL}={NAME}"),
        ("get", "events", f"--field-selector={named}"),
    )
    live, children, events = (each for each in read if not isinstance(each, KubectlError))
    asked = _KUBECTL.attempt(
        "exec",
        f"service/{NAME}",
        f"--container={CONTAINER}",
        "--pod-running-timeout=2s",
        "--",
        "env",
        PINNED,
        "psql",
        "-XAtqc",
        STATEMENT,
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": _without(live),
        "children": [_shown(each) for each in children["items"]],
        "events": [_without(each) for each in events["items"]],
        "activity": json.loads(asked.out) if asked.code == 0 else None,
    }


def _ready(live: dict[str, Any]) -> str:
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((each["reason"] for each in conditions if each["type"] == "Ready"), "")


def _shown(child: dict[str, Any]) -> dict[str, Any]:
    kept = {
        part: {key: value for key, value in (child.get(part) or {}).items() if key in keys}
        for part, keys in _SHOWN.items()
    }
    return {"kind": child["kind"], **kept}


def _without(value: Any, names: Collection[str] = _NOISE) -> Any:  # noqa: ANN401 - any part of a manifest
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _without(each, names) for key, each in value.items() if key not in names}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("state")
    parser.add_argument("--reason", default="")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    # In whole seconds, as the plugin's JSON has them.
    text = _FRACTION.sub("Z", json.dumps(record(given.reason), indent=1, sort_keys=True))
    (FOLDER / f"{given.state}.json").write_text(f"{text}\n", encoding="utf-8")
