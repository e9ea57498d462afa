"""The controller's memory, pace and quiet: `python -m tests.benchmarks.controller [--idle 300]`.

Databases are never schedulable: Kubernetes makes their pods and claims, and nothing runs them; the healthy
ones are played, and so are the pods of their backups. Requests are counted by the API server's audit log,
watches among them.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from tests import factory
from tests.audit import Audit
from tests.benchmarks.planes import Ground, ground, namespace
from tests.benchmarks.reviews import row
from tests.children import KIND, expected, wait_condition
from tests.controller_process import ControllerProcess
from tests.installation import account_kubeconfig
from tests.job_kubelet import JobKubelet
from tests.kubelet import Kubelet
from tests.rest import path
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rest import Object, Rest

CLIENTS = 8
MINUTE = 60
CLASS = "bench"
LOOK_SECONDS = 0.25
FLEET = 300
BATCH = 25
"""How many are made at once: those who play their pods are slow."""
SCHEDULE = "0 0 29 2 *"
"""It does not come while this runs: what an idle minute costs is measured."""
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def create(rest: Rest, where: str, first: int, count: int, **spec: Any) -> None:  # noqa: ANN401 - as YAML has it
    """Create databases, some at once."""
    whole = {"version": "17", "replicas": 1, **spec}

    def one(number: int) -> None:
        rest.create(factory.submitted(f"db-{number}", where, **whole)).expect()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(first, first + count)))


def complete(rest: Rest, where: str, count: int) -> bool:
    """Tell whether every child of so many databases exists; the one that is written last is counted first."""
    each = [kind for kind, _ in expected("x")]
    kinds = sorted(set(each), key=lambda kind: kind != "StatefulSet")
    time.sleep(LOOK_SECONDS)
    return all(_count(rest, kind, where) >= count * each.count(kind) for kind in kinds)


def _count(rest: Rest, kind: str, where: str) -> int:
    return len(rest.send("GET", path(kind, where), accept=METADATA).expect()["items"] or [])


def settle(process: ControllerProcess) -> None:
    """Wait until the controller has had nothing to do for a while."""
    seen = [(-1.0, time.monotonic())]

    def quiet() -> bool:
        done = process.metric("keddah_reconciles_total")
        if done != seen[0][0]:
            seen[0] = (done, time.monotonic())
        return time.monotonic() - seen[0][1] > 8

    until(quiet, 180)


def requests(audit: Audit, seconds: float) -> list[str]:
    """Give what the controller asks for in so many seconds."""
    log = audit.end()
    time.sleep(seconds)
    return [entry.what for entry in log.since()]


def scale(place: Ground, process: ControllerProcess) -> None:
    """Measure 200 and 300 databases."""
    row("RSS of the controller, 0 databases", "<= 100 MiB", "57 MiB", f"{process.resident():.0f} MiB")
    where = namespace(place.rest, "many")
    create(place.rest, where, 0, 200)
    started = time.monotonic()
    until(lambda: complete(place.rest, where, 200), 180)
    took = time.monotonic() - started
    row("200 databases: last create -> all children", "<= 20 s", "38.8 s", f"{took:.1f} s")
    create(place.rest, where, 200, 100)
    until(lambda: complete(place.rest, where, 300), 180)
    settle(process)
    row("RSS of the controller, 300 databases", "<= 130 MiB", "135 MiB", f"{process.resident():.0f} MiB")
    asked = requests(Audit(place.plane.audit_log), MINUTE)
    row("requests a minute, idle, 300 databases", "<= 60", "14,567", str(len(asked)))


def quiet(place: Ground, process: ControllerProcess, idle: float) -> None:
    """Measure one, then three healthy databases that nobody touches."""
    rest, audit = place.rest, Audit(place.plane.audit_log)
    where = namespace(rest, "few")
    rest.create(factory.storage_class(CLASS)).expect()
    with Kubelet(rest, where):
        _healthy(rest, where, "one")
        settle(process)
        row("requests a minute, idle, one healthy", "<= 40", "68", str(len(requests(audit, MINUTE))))
        for name in ("two", "three"):
            _healthy(rest, where, name)
        settle(process)
        log = audit.end()
        time.sleep(idle)
        written = [entry for entry in log.since() if entry.writes and entry.resource != "leases"]
        what = f"writes in {idle / MINUTE:g} idle minutes, 3 databases"
        row(what, "0", "", str(len(written)))
        for entry in written:
            print(entry.what)


def fleet(place: Ground, process: ControllerProcess, *, count: int, backups: bool) -> None:
    """Measure healthy databases with or without backups, all of which are made."""
    rest = place.rest
    where = namespace(rest, "fleet")
    rest.create(factory.storage_class(CLASS)).expect()
    storage = {"storageClassName": CLASS}
    spec: Object = {"version": "17", "replicas": 1, "storage": storage, "backupSchedule": ""}
    if backups:
        volume = {"repository": {"volume": {"size": "1Gi", **storage}}}
        spec |= {"backupSchedule": SCHEDULE, "backup": volume}
    began = time.monotonic()
    with Kubelet(rest, where), JobKubelet(rest, where):
        for first in range(0, count, BATCH):
            create(rest, where, first, BATCH, **spec)
            until(
                partial(_served, rest, where, first + BATCH, backups=backups), 300, process.log.read_text, 2
            )
        settle(process)
    took = time.monotonic() - began
    kind = "with" if backups else "without"
    memory, calls = ("<= 117 MiB", "<= 46") if backups else ("", "")
    row(f"{count} healthy databases {kind} backups: ready", "", "", f"{took:.0f} s")
    row(f"RSS of the controller, {kind} backups", memory, "106 MiB before", f"{process.resident():.0f} MiB")
    asked = requests(Audit(place.plane.audit_log), MINUTE)
    row(f"requests a minute, idle, {kind} backups", calls, "42 before", str(len(asked)))


def _served(rest: Rest, where: str, count: int, *, backups: bool) -> bool:
    """Tell whether so many databases are ready and, if they have to be, backed up."""
    wanted = {"Ready", "BackedUp"} if backups else {"Ready"}
    found = 0
    for database in rest.list(KIND, where):
        conditions = (database.get("status") or {}).get("conditions") or []
        found += wanted <= {each["type"] for each in conditions if each["status"] == "True"}
    return found >= count


def _healthy(rest: Rest, where: str, name: str) -> None:
    storage = {"storageClassName": CLASS}
    rest.create(factory.submitted(name, where, version="17", replicas=2, storage=storage)).expect()
    wait_condition(rest, where, "Ready", "Ready", name=name)
    assert rest.get(KIND, where, name) is not None


def main() -> None:
    """Measure the controller."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=float, default=5 * MINUTE, help="seconds without a write; default 300")
    parser.add_argument("--fleet", type=int, default=FLEET, help="healthy databases, a multiple of 25")
    parser.add_argument("--only", choices=("scale", "quiet", "plain", "backups"), help="one of the parts")
    options = parser.parse_args()
    parts: tuple[tuple[str, Callable[[Ground, ControllerProcess], None]], ...] = (
        ("scale", scale),
        ("quiet", partial(quiet, idle=options.idle)),
        ("plain", partial(fleet, count=options.fleet, backups=False)),
        ("backups", partial(fleet, count=options.fleet, backups=True)),
    )
    for name, part in parts:
        if options.only not in (None, name):
            continue
        with ground(audit=True) as place:
            user = account_kubeconfig(
                place.rest, place.plane.kubeconfig, "keddah-controller", place.folder / "user"
            )
            with ControllerProcess(place.folder / "controller", user) as process:
                process.acting()
                settle(process)
                part(place, process)


if __name__ == "__main__":
    main()
