"""Parameters that follow from what a pod has: never more than fits, never less than PostgreSQL's own."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from controller.desired.instances import children
from controller.desired.instances.parameters import derived as derived_of
from controller.desired.instances.parameters import parameters
from controller.desired.instances.pod import STARTING, pod_template, starts
from controller.observe.state import ObservedState
from controller.plan.outcome import Done
from controller.plan.upgrade import Choice
from controller.report.status import status
from schemas.admit import admit
from schemas.postgresql.parameters.check import needs_restart, problem
from schemas.postgresql.parameters.table import known
from schemas.rules import sharing
from schemas.rules.derived import LEAST_WORK_MEM, derived, room
from schemas.rules.settings import ParameterSettings
from schemas.rules.sizing import BESIDE_SHARED_BUFFERS, MEBIBYTE
from tests import factory
from tests.parameter_sets import accepted, seeded

IMAGE: Final = "keddah.dev/keddah-postgres:18.1"
MEMORY: Final = ("128Mi", "192Mi", "512Mi", "1Gi", "4Gi", "16Gi", "64Gi")
PROCESSORS: Final = (None, "100m", "2", "7500m", "8", "16", "32")
VOLUMES: Final = ("256Mi", "5Gi", "10Gi", "100Gi", "64Ti")
MAJORS: Final = (17, 18)
BASIS: Final = frozenset({"shared_buffers", "effective_cache_size", "max_slot_wal_keep_size"})


def resources(memory: str | None, processors: str | None = None, kind: str = "limits") -> dict[str, Any]:
    """Give the resources of a container."""
    amounts = {"memory": memory, "cpu": processors}
    return {kind: {name: amount for name, amount in amounts.items() if amount}}


def found(
    memory: str | None,
    processors: str | None = None,
    volume: str = "10Gi",
    major: int = 18,
    given: dict[str, str] | None = None,
) -> dict[str, str]:
    """Give what is derived for a database of this release, but for what has always been derived."""
    db = factory.typed_database(
        version=str(major),
        resources=resources(memory, processors),
        storage={"size": volume},
        parameters=given or {},
    )
    everything = derived_of(db)
    return {name: value for name, value in everything.items() if name not in BASIS}


def combined() -> list[tuple[str, str | None, str, int]]:
    """Give every pod of the tables above."""
    return list(itertools.product(MEMORY, PROCESSORS, VOLUMES, MAJORS))


WAL_10 = {"max_wal_size": "1024MB", "min_wal_size": "256MB"}
READS_17 = {"effective_io_concurrency": "16", "maintenance_io_concurrency": "16"}


@pytest.mark.parametrize(
    ("pod", "values"),
    [
        (("512Mi",), WAL_10 | {"work_mem": "4MB", "maintenance_work_mem": "64MB"}),
        (
            ("512Mi", "500m", "10Gi", 17),
            WAL_10 | READS_17 | {"work_mem": "4MB", "maintenance_work_mem": "64MB"},
        ),
        (
            ("4Gi", "2"),
            WAL_10 | {"work_mem": "11MB", "maintenance_work_mem": "256MB", "autovacuum_work_mem": "85MB"},
        ),
        (
            ("16Gi", "8", "100Gi"),
            {
                "max_wal_size": "4096MB",
                "min_wal_size": "1024MB",
                "work_mem": "46MB",
                "maintenance_work_mem": "1024MB",
                "autovacuum_work_mem": "341MB",
                "max_parallel_workers_per_gather": "4",
                "max_parallel_maintenance_workers": "4",
            },
        ),
        (
            ("64Gi", "32", "5Gi"),
            {
                "max_wal_size": "512MB",
                "min_wal_size": "128MB",
                "work_mem": "162MB",
                "maintenance_work_mem": "2048MB",
                "autovacuum_work_mem": "512MB",
                "max_worker_processes": "40",
                "max_parallel_workers": "32",
                "max_parallel_workers_per_gather": "4",
                "max_parallel_maintenance_workers": "4",
                "autovacuum_max_workers": "8",
                "autovacuum_vacuum_cost_limit": "1200",
                "io_workers": "8",
            },
        ),
        (
            (None, "4", "256Mi"),
            {
                "max_wal_size": "64MB",
                "min_wal_size": "32MB",
                "work_mem": "4MB",
                "maintenance_work_mem": "64MB",
            },
        ),
    ],
)
def test_what_follows_from_a_pod(pod: tuple[Any, ...], values: dict[str, str]) -> None:
    assert found(*pod) == values


def test_a_request_counts_where_there_is_no_limit() -> None:
    db = factory.typed_database(resources=resources("4Gi", "2", "requests"))
    assert derived_of(db) == derived_of(factory.typed_database(resources=resources("4Gi", "2")))


@pytest.mark.parametrize("major", MAJORS)
def test_every_value_is_one_that_postgresql_takes_and_none_is_less_than_its_own(major: int) -> None:
    table = known(major) or {}
    for memory, processors, volume, _ in combined():
        for name, value in found(memory, processors, volume, major).items():
            assert problem(name, value, major) is None, (name, value)
            own, here = (
                ParameterSettings({name: each}, major) for each in (table[name].boot_val or "", value)
            )
            if not name.endswith("wal_size"):
                assert (here.number(name) or 0) >= (own.number(name) or 0), (name, value)


def test_all_of_it_fits_the_memory_or_is_postgresqls_own() -> None:
    for memory, processors, major in itertools.product(MEMORY, PROCESSORS, MAJORS):
        for given in (
            {},
            {"max_connections": "1000"},
            {"shared_buffers": "96MB"},
            {"hash_mem_multiplier": "8"},
        ):
            settings = ParameterSettings(given, major)
            pod = room(factory.typed_database(resources=resources(memory, processors)).spec.resources, None)
            all_of_it = settings.over(derived(settings, pod))
            operations = all_of_it.in_force("max_connections") + min(
                all_of_it.in_force("max_parallel_workers"), all_of_it.in_force("max_worker_processes")
            )
            vacuum = all_of_it.memory_in_force("autovacuum_work_mem")
            maintenance = all_of_it.memory_in_force("maintenance_work_mem")
            vacuums = all_of_it.in_force("autovacuum_max_workers") * (vacuum if vacuum > 0 else maintenance)
            work = all_of_it.memory_in_force("work_mem")
            used = (
                BESIDE_SHARED_BUFFERS * MEBIBYTE
                + all_of_it.memory_in_force("shared_buffers")
                + sharing.more(all_of_it)
                + maintenance
                + vacuums
                + operations * all_of_it.in_force("hash_mem_multiplier") * work
            )
            least = work == LEAST_WORK_MEM * MEBIBYTE
            assert least or used <= (pod.memory or 0) * MEBIBYTE, (memory, processors, major, given)


@pytest.mark.parametrize(
    ("given", "absent"),
    [
        ({"Work_Mem": "1GB"}, {"work_mem"}),
        ({"maintenance_work_mem": "1GB"}, {"maintenance_work_mem", "autovacuum_work_mem"}),
        ({"vacuum_cost_limit": "400"}, {"autovacuum_vacuum_cost_limit"}),
        ({"max_worker_processes": "10", "io_workers": "1"}, {"max_worker_processes", "io_workers"}),
    ],
)
def test_nothing_is_derived_of_what_the_user_says(given: dict[str, str], absent: set[str]) -> None:
    silent = found("64Gi", "32")
    assert silent.keys() - found("64Gi", "32", given=given).keys() == absent
    db = factory.typed_database(resources=resources("64Gi", "32"), parameters=given)
    declared = parameters(db)
    assert {name.lower(): value for name, value in given.items()}.items() <= declared.items()


def test_what_the_user_says_counts_in_what_follows_from_it() -> None:
    def work_mem(**given: str) -> int:
        return int(found("16Gi", given=given)["work_mem"].removesuffix("MB"))

    usual = work_mem()
    assert work_mem(max_connections="200") < usual * 2 // 3
    assert work_mem(max_connections="5000") == LEAST_WORK_MEM
    assert work_mem(shared_buffers="8GB") < usual < work_mem(shared_buffers="1GB")
    assert work_mem(hash_mem_multiplier="1") > usual * 3 // 2
    assert work_mem(autovacuum_work_mem="2GB") < usual
    assert found("16Gi", given={"max_wal_size": "256MB"})["min_wal_size"] == "64MB"


def test_no_derivation_is_refused_and_none_makes_admission_refuse_what_it_took() -> None:
    random, now = seeded(12), datetime(2026, 11, 23, tzinfo=UTC)
    for memory, processors, volume, major in random.sample(combined(), 60):
        if memory == "128Mi":  # no database may have so little, and a stored one still gets its parameters
            continue
        spec = {"resources": resources(memory, processors), "storage": {"size": volume}}
        given = accepted(random, major, **spec)
        db = factory.typed_database(version=str(major), parameters=given, **spec)
        both = derived_of(db) | given
        manifest = factory.complete_database(version=str(major), parameters=both, **spec)
        violations = admit(manifest, policy=factory.policy(), now=now).violations
        assert not violations, (memory, processors, volume, major, violations)


def test_what_only_a_start_can_change_is_of_the_pods_edition() -> None:
    for major in MAJORS:
        db = factory.typed_database(version=str(major), resources=resources("64Gi", "32"))
        ours = pod_template(db, IMAGE)
        former = json.loads(json.dumps(ours))
        del former["metadata"]["annotations"][STARTING]
        told = {"max_worker_processes": "40"} | ({"autovacuum_max_workers": "8"} if major < 18 else {})
        assert starts(ours) == told
        configured, before = (_configured(db, each) for each in (ours, former))
        assert told.items() <= configured.items()
        differing = {name for name in configured | before if configured.get(name) != before.get(name)}
        # The memory of operations shrinks by what more processes may take.
        assert {name for name in differing if needs_restart(name, major)} == told.keys()
        # What the user says of them is a restart of PostgreSQL, and no other pod.
        wish = factory.typed_database(
            version=str(major), resources=resources("64Gi", "32"), parameters=dict.fromkeys(told, "20")
        )
        assert pod_template(wish, IMAGE) == ours
        assert _configured(wish, former)["max_worker_processes"] == "20"


@pytest.mark.parametrize("major", MAJORS)
def test_an_upgrade_of_keddah_makes_a_server_start_for_no_derived_parameter(major: int) -> None:
    for processors in PROCESSORS:
        db = factory.typed_database(version=str(major), resources=resources("64Gi", processors))
        pods = json.loads(json.dumps(pod_template(db, IMAGE)))
        pods["metadata"]["annotations"].pop(STARTING, None)
        derived_there = _configured(db, pods).keys() - {"shared_buffers", "archive_mode"}
        always = parameters(factory.typed_database(version=str(major), resources={})).keys()
        assert not {name for name in derived_there - always if needs_restart(name, major)}


def _configured(db: Any, template: dict[str, Any]) -> dict[str, str]:  # noqa: ANN401
    made = children(db, IMAGE, instances=1, operator_namespace="keddah-system", template=template)
    config = next(each for each in made if each["kind"] == "ConfigMap")
    values: dict[str, str] = json.loads(config["metadata"]["annotations"]["config"])["postgresql"][
        "parameters"
    ]
    return values


def test_the_status_shows_what_was_derived_for_the_pods_that_there_are() -> None:
    db = factory.typed_database(resources=resources("8Gi", "32"), parameters={"Work_Mem": "8MB"})
    small = factory.typed_database(resources=resources("512Mi"), parameters={"Work_Mem": "8MB"})
    choice = Choice(IMAGE, "17.6")

    def told(around: ObservedState) -> dict[str, str]:
        shown: dict[str, str] = status(
            db, around, Done(), choice, validated=True, now="2026-11-23T12:00:00Z"
        )["parameters"]
        return shown

    new = told(ObservedState())
    assert (new["maintenance_work_mem"], new["max_worker_processes"]) == ("512MB", "40")
    assert "work_mem" not in new
    ours = {"name": "orders", "labels": {"keddah.dev/database": "orders"}}
    pods = {"kind": "StatefulSet", "metadata": ours, "spec": {"template": pod_template(small, IMAGE)}}
    there = told(ObservedState(children={"StatefulSet": {"orders": pods}}))
    assert there["maintenance_work_mem"] == "64MB"
    assert "max_worker_processes" not in there
    assert list(there) == sorted(there)
    others = {**pods, "metadata": {"name": "orders"}, "spec": {"template": {"spec": {"containers": []}}}}
    assert told(ObservedState(children={"StatefulSet": {"orders": others}})) == new
