"""Every rule on a new object, with the exact words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from controller.desired.parameters import parameters
from schemas.admit import admit
from tests import factory

POLICY = factory.policy()
TODAY = date(2026, 11, 23)
SIZES = "write a number with a suffix, such as 10Gi, 500M or 1.5"
ALL_VERSIONS = '"16", "16.10", "17", "17.5", "17.6", "18" or "18.1"'


def refused(**spec: Any) -> list[str]:  # noqa: ANN401
    manifest = factory.complete_database(**spec)
    return [str(violation) for violation in admit(manifest, policy=POLICY, today=TODAY).violations]


def test_an_empty_spec_is_a_database() -> None:
    assert refused() == []
    assert admit({"metadata": {"name": "orders"}}, policy=POLICY, today=TODAY).accepted


@pytest.mark.parametrize("version", ["16", "17", "17.5", "17.6", "18.1"])
def test_versions_of_the_catalogue_are_accepted(version: str) -> None:
    assert refused(version=version) == []


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("17.7", 'got "17.7"; must be "17", "17.5" or "17.6"'),
        ("16.99", 'got "16.99"; must be "16" or "16.10"'),
        ("15", f'got "15"; must be {ALL_VERSIONS}'),
        ("latest", f'got "latest"; must be {ALL_VERSIONS}'),
        ("17.6\n", 'got "17.6\\n"; must be "17", "17.5" or "17.6"'),
        ("", f'got ""; must be {ALL_VERSIONS}'),
        (17, f"got 17; must be {ALL_VERSIONS}: put it in quotes"),
        (17.6, f"got 17.6; must be {ALL_VERSIONS}: put it in quotes"),
    ],
)
def test_other_versions_are_refused(version: object, message: str) -> None:
    assert refused(version=version) == [f"spec.version: {message}"]


@pytest.mark.parametrize(
    ("replicas", "message"),
    [
        (0, "got 0; must be from 1 to 9"),
        (-1, "got -1; must be from 1 to 9"),
        (10, "got 10; must be from 1 to 9"),
        (1000, "got 1000; must be from 1 to 9"),
        (2**31, "got 2147483648; must be from 1 to 9"),
        (2.5, "got 2.5; must be a whole number from 1 to 9"),
        (2.0, "got 2.0; must be a whole number from 1 to 9"),
        ("3", 'got "3"; must be a whole number from 1 to 9, without quotes'),
        (True, "got true; must be a whole number from 1 to 9"),
    ],
)
def test_replicas_out_of_bounds_are_refused(replicas: object, message: str) -> None:
    assert refused(replicas=replicas) == [f"spec.replicas: {message}"]


@pytest.mark.parametrize(
    ("schedule", "start"),
    [
        ("0 0 30 2 *", 'got "0 0 30 2 *"; never fires: none of its months has such a day; "" means no'),
        ("0 0 * * * *", 'got "0 0 * * * *"; '),
        ("TZ=UTC 0 0 * * *", 'got "TZ=UTC 0 0 * * *"; '),
        ("CRON_TZ=UTC 0 0 * * *", 'got "CRON_TZ=UTC 0 0 * * *"; '),
        ("@reboot", 'got "@reboot"; '),
        ("0 0 * * 7", 'got "0 0 * * 7"; '),
        (" ", 'got " "; '),
        (5, "got 5; must be a string: put it in quotes"),
    ],
)
def test_schedules_that_cronjob_refuses_or_that_never_fire_are_refused(schedule: object, start: str) -> None:
    (violation,) = refused(backupSchedule=schedule)
    assert violation.startswith(f"spec.backupSchedule: {start}")


@pytest.mark.parametrize("schedule", ["", "@daily", "0 3 * * *", "*/5 * * * MON-FRI"])
def test_schedules_that_cronjob_takes_are_accepted(schedule: str) -> None:
    assert refused(backupSchedule=schedule) == []


@pytest.mark.parametrize("field", ["database", "owner"])
@pytest.mark.parametrize(
    ("name", "start"),
    [
        ('a"b', 'got "a\\"b"; must not hold "\\""; '),
        ("user", 'got "user"; is a reserved word of SQL; choose another name'),
        ("postgres", 'got "postgres"; is the '),
        ("é" * 32, f'got "{"é" * 32}"; is 64 bytes long; PostgreSQL keeps only 63'),
        ("a" * 64, f'got "{"a" * 56}...; must have from 1 to 63 characters'),
        ("", 'got ""; must have from 1 to 63 characters'),
        (5, "got 5; must be a string: put it in quotes"),
    ],
)
def test_names_that_need_quoting_or_are_taken_are_refused(field: str, name: object, start: str) -> None:
    (violation,) = refused(**{field: name})
    assert violation.startswith(f"spec.{field}: {start}")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("-5Gi", 'got "-5Gi"; must be from 256Mi to 64Ti'),
        ("0", 'got "0"; must be from 256Mi to 64Ti'),
        ("100m", 'got "100m"; must be from 256Mi to 64Ti'),
        ("255Mi", 'got "255Mi"; must be from 256Mi to 64Ti'),
        ("100Ei", 'got "100Ei"; is more than 2^63-1, the most that Kubernetes counts to'),
        ("1Ei", 'got "1Ei"; must be from 256Mi to 64Ti'),
        ("10GB", 'got "10GB"; suffix "GB" is not known; write Gi for powers of 1024 or G for 1000'),
        ("10Gi ", f'got "10Gi "; must not hold white space; {SIZES}'),
        ("10Gi\n", f'got "10Gi\\n"; must not hold white space; {SIZES}'),
        (10, "got 10; must be a quantity, such as 10Gi: put it in quotes"),
    ],
)
def test_sizes_that_no_database_can_live_in_are_refused(size: object, message: str) -> None:
    assert refused(storage={"size": size}) == [f"spec.storage.size: {message}"]


@pytest.mark.parametrize("size", ["256Mi", "64Ti", "1e9", "10G", "1.5Gi"])
def test_sizes_within_bounds_are_accepted(size: str) -> None:
    assert refused(storage={"size": size}) == []


@pytest.mark.parametrize("name", ["", "Fast", "a..b", "-a", "a/b"])
def test_a_storage_class_that_no_object_is_named_like_is_refused(name: str) -> None:
    allowed = "must be an object's name: a-z, 0-9, - and ., a letter or digit at both ends"
    assert refused(storage={"storageClassName": name}) == [
        f'spec.storage.storageClassName: got "{name}"; {allowed}'
    ]


def test_strict_needs_a_standby() -> None:
    assert refused(synchronous="Strict", replicas=2) == []
    assert refused(synchronous="Strict") == [
        'spec.synchronous: got "Strict" with 1 replica; must have 2 or more, or no commit is acknowledged'
    ]


@pytest.mark.parametrize(
    ("resources", "messages"),
    [
        ({"requests": {"cpu": "-1"}}, ['requests.cpu: got "-1"; must be more than 0']),
        ({"requests": {"cpu": 0}}, ["requests.cpu: got 0; must be more than 0"]),
        ({"requests": {"cpu": 0.5}}, ["requests.cpu: got 0.5; must be a quantity, such as 10Gi"]),
        (
            {"requests": {"memory": "2Gi", "cpu": 2}, "limits": {"memory": "1Gi", "cpu": "1"}},
            [
                'requests.memory: got "2Gi"; must be at most the limit, "1Gi"',
                'requests.cpu: got 2; must be at most the limit, "1"',
            ],
        ),
        (
            {"limits": {"storage": "1Gi"}},
            ['limits.storage: got "1Gi"; is for a resource that no container has; cpu and memory are meant'],
        ),
        ({"limits": {"memory": "191Mi"}}, ['limits.memory: got "191Mi"; must be at least 192Mi']),
        ({"limits": {"memory": "lots"}}, ['limits.memory: got "lots"; is no quantity; write a number with']),
        ("1Gi", ['"1Gi"; must be a mapping of names to values']),
    ],
)
def test_resources_that_no_container_could_have_are_refused(resources: object, messages: list[str]) -> None:
    found = refused(resources=resources)
    assert len(found) == len(messages)
    for violation, message in zip(found, messages, strict=True):
        assert message in violation
        assert violation.startswith("spec.resources")


@pytest.mark.parametrize(
    "resources",
    [
        {
            "requests": {"cpu": "500m", "memory": "1Gi", "example.com/gpu": 1},
            "limits": {"hugepages-2Mi": "4Mi"},
        },
        {"requests": {"cpu": "1"}, "limits": {"cpu": "1000m", "memory": "192Mi"}},
    ],
)
def test_resources_as_in_any_container_are_accepted(resources: dict[str, Any]) -> None:
    assert refused(resources=resources) == []


@pytest.mark.parametrize(
    ("parameters", "messages"),
    [
        (
            {"shared_buffer": "1GB"},
            ['shared_buffer: got "1GB"; PostgreSQL 17 has no such parameter; did you'],
        ),
        ({"shared_buffers": "8GBB"}, ['shared_buffers: got "8GBB"; ']),
        ({"max_connections": "banana"}, ['max_connections: got "banana"; ']),
        ({"max_connections": 200}, ["max_connections: got 200; must be a string: put it in quotes"]),
        ({"a\nb": "1"}, ['["a\\nb"]: got "1"; is no name of a parameter; ']),
        (
            {"work_mem": "1MB\nfsync = off"},
            ['work_mem: got "1MB\\nfsync = off"; must not hold the character'],
        ),
        ({"synchronous_standby_names": "*"}, ["is reserved: use spec.synchronous"]),
        ({"max_connections": "24"}, ['max_connections: got "24"; must be at least 25, for Patroni']),
        ({"wal_keep_size": "0"}, ['wal_keep_size: got "0"; must be at least 16MB: the least that Patroni']),
        (
            {"Min_Wal_Size": "16MB"},
            ['Min_Wal_Size: got "16MB"; must be at least 32MB: two WAL segments, or no'],
        ),
        (
            {"max_connections": "30", "superuser_reserved_connections": "20", "reserved_connections": "10"},
            [
                'superuser_reserved_connections: got "20"; must leave some of max_connections, 30; 30 are',
                'reserved_connections: got "10"; must leave some of max_connections, 30; 30 are reserved',
            ],
        ),
        (
            {"work_mem": "1MB", "Work_Mem": "2MB"},
            ['Work_Mem: got "2MB"; is the same parameter as work_mem; leave one out'],
        ),
    ],
)
def test_parameters_that_no_server_would_take_are_refused(
    parameters: dict[str, Any], messages: list[str]
) -> None:
    found = refused(parameters=parameters)
    assert len(found) == len(messages), found
    for violation, message in zip(found, messages, strict=True):
        assert violation.startswith("spec.parameters")
        assert message in violation


def test_every_standby_must_find_its_slot() -> None:
    parameters = {"max_replication_slots": "4", "max_wal_senders": "4"}
    assert refused(replicas=3, parameters=parameters) == []
    assert refused(replicas=6, parameters=parameters) == [
        'spec.parameters.max_replication_slots: got "4"; must be at least 5, for 6 instances',
        'spec.parameters.max_wal_senders: got "4"; must be at least 10, for 6 instances',
    ]


def test_shared_buffers_must_fit_the_memory_limit() -> None:
    resources = {"limits": {"memory": "512Mi"}}
    assert refused(resources=resources, parameters={"shared_buffers": "384MB"}) == []
    (violation,) = refused(resources=resources, parameters={"shared_buffers": "64GB"})
    path, message = violation.split(": ")
    assert path == "spec.parameters.shared_buffers"
    assert message == 'got "64GB"; must be at most 384MB under resources.limits.memory "512Mi"'
    assert len(refused(resources=resources, parameters={"shared_buffers": "65536"})) == 1


@pytest.mark.parametrize("limit", ["192Mi", "300Mi", "1Gi", "1Ti"])
def test_what_keddah_itself_gives_postgresql_is_never_refused(limit: str) -> None:
    resources = {"limits": {"memory": limit}}
    given = parameters(factory.typed_database(resources=resources))["shared_buffers"]
    assert refused(resources=resources, parameters={"shared_buffers": given}) == []


@pytest.mark.parametrize(
    "line",
    [
        "host all all 0.0.0.0/0 trust",
        "hostssl all all all trust",
        "hostssl all all 10.0.0.0/8",
        "hostssl all all 10.0.0.0/8 scram-sha-256\nhost all all all trust",
        "nonsense",
        5,
    ],
)
def test_lines_that_would_not_load_or_trust_the_world_are_refused(line: object) -> None:
    found = refused(hba=["hostssl all all 10.0.0.0/8 scram-sha-256", line])
    assert [violation.split(": ")[0] for violation in found] == ["spec.hba[1]"]


OWN = "has a key that the operator itself sets; choose another"


@pytest.mark.parametrize(
    ("template", "messages"),
    [
        ({"labels": {"keddah.dev/role": "primary"}}, [f'labels["keddah.dev/role"]: got "primary"; {OWN}']),
        ({"labels": {"x.keddah.dev/y": ""}}, [f'labels["x.keddah.dev/y"]: got ""; {OWN}']),
        (
            {"labels": {"app.kubernetes.io/name": "x"}},
            [f'labels["app.kubernetes.io/name"]: got "x"; {OWN}'],
        ),
        ({"annotations": {"status": "x"}}, [f'annotations.status: got "x"; {OWN}']),
        ({"labels": {"a b": "c"}}, ['labels["a b"]: got "c"; has a key that is none: it must be NAME or']),
        (
            {"labels": {"a": "ä"}},
            ['labels.a: got "ä"; must be at most 63 letters, digits, - _ and ., a letter'],
        ),
        ({"nodeSelector": {"/": "x"}}, ['nodeSelector["/"]: got "x"; has a key that is none']),
        (
            {"tolerations": [{"operator": "Is"}]},
            ['tolerations[0].operator: got "Is"; must be Equal or Exists'],
        ),
        (
            {"tolerations": [{}, {"operator": "Exists", "effect": "Never"}]},
            [
                "tolerations[0].key: got null; must be a taint's key, unless operator is Exists",
                'tolerations[1].effect: got "Never"; must be NoSchedule, PreferNoSchedule or NoExecute',
            ],
        ),
        ({"tolerations": ["x"]}, ['tolerations[0]: got "x"; must be a mapping of names to values']),
        (
            {"affinity": {"podaffinity": {}}},
            ["affinity.podaffinity: got {}; is no affinity; must be nodeAffinity, podAffinity or podAnti"],
        ),
        (
            {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}]},
            ["topologySpreadConstraints[0].whenUnsatisfiable: got null; is required in every constraint"],
        ),
    ],
)
def test_templates_that_no_pod_could_carry_are_refused(template: object, messages: list[str]) -> None:
    found = refused(template=template)
    assert len(found) == len(messages), found
    for violation, message in zip(found, messages, strict=True):
        assert violation.startswith(f"spec.template.{message}")


def test_a_template_as_in_any_pod_is_accepted() -> None:
    template = {
        "labels": {"team": "shop", "app.kubernetes.io/part-of": "shop", "empty": ""},
        "annotations": {"example.com/note": "Anything: at all, ä"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "db", "operator": "Exists"},
            {"key": "a", "value": "b", "effect": "NoExecute"},
        ],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "high",
    }
    assert refused(template=template) == []


NOT_YET = "is not supported yet; leave it out"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"restore": {"from": "other"}}, f'spec.restore.from: got "other"; {NOT_YET}'),
        ({"backup": {"timeZone": "Europe/Berlin"}}, f'spec.backup.timeZone: got "Europe/Berlin"; {NOT_YET}'),
        ({"backup": {"suspended": True}}, f"spec.backup.suspended: got true; {NOT_YET}"),
        ({"backup": {"retention": {"full": 3}}}, f"spec.backup.retention.full: got 3; {NOT_YET}"),
        (
            {"backup": {"repository": {"volume": {"size": "20Gi"}}}},
            f'spec.backup.repository.volume: got {{"size":"20Gi"}}; {NOT_YET}',
        ),
    ],
)
def test_what_is_not_acted_on_yet_is_refused(spec: dict[str, Any], message: str) -> None:
    assert refused(**spec) == [message]


def test_the_defaults_of_what_is_not_acted_on_yet_are_accepted() -> None:
    repository = {"volume": {"size": "10Gi"}}
    backup = {"timeZone": "UTC", "suspended": False, "retention": {"full": 7}, "repository": repository}
    assert refused(backup=backup) == []


def test_two_repositories_are_one_too_many() -> None:
    s3 = {"bucket": "abc", "endpoint": "s3.example.com", "credentials": {"name": "s3"}}
    found = refused(backup={"repository": {"volume": {}, "s3": s3}})
    assert found[0] == "spec.backup.repository: got volume and s3; must be one of them"


NAME = "must be at most 45 characters of a-z, 0-9 and -, from a letter to a letter or digit"


@pytest.mark.parametrize("name", ["a" * 46, "Orders", "1st", "orders-", "a.b", "o_o"])
def test_names_that_make_no_service_are_refused(name: str) -> None:
    verdict = admit(factory.complete_database(name), policy=POLICY, today=TODAY)
    assert [str(violation) for violation in verdict.violations] == [f'metadata.name: got "{name}"; {NAME}']


def test_a_name_ending_in_a_newline_is_refused() -> None:
    (violation,) = admit(factory.complete_database("orders\n"), policy=POLICY, today=TODAY).violations
    assert str(violation) == 'metadata.name: got "orders\\n"; must not end with a newline'


@pytest.mark.parametrize(
    ("prefix", "accepted"), [("orders-", True), ("a" * 40, True), ("a" * 41, False), ("Or-", False)]
)
def test_a_generated_name_must_fit_too(prefix: str, *, accepted: bool) -> None:
    manifest = {"metadata": {"generateName": prefix}, "spec": {}}
    assert admit(manifest, policy=POLICY, today=TODAY).accepted is accepted
