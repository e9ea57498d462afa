"""Rules on what the server is given and told: resources, parameters, pg_hba; with the exact words."""

from __future__ import annotations

from typing import Any

import pytest

from controller.desired.instances.parameters import parameters
from tests import factory
from tests.verdicts import refused


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
            ['limits.storage: got "1Gi"; is not a container resource; use cpu or memory'],
        ),
        ({"limits": {"memory": "191Mi"}}, ['limits.memory: got "191Mi"; must be at least 192Mi']),
        (
            {"limits": {"memory": "lots"}},
            ['limits.memory: got "lots"; is not a quantity; write a number with'],
        ),
        (
            {"requests": {"hugepages-2Mi": "4Mi"}, "limits": {"hugepages-2Mi": "3Mi"}},
            [
                'limits.hugepages-2Mi: got "3Mi"; must be whole pages of 2048 KiB',
                'requests.hugepages-2Mi: got "4Mi"; must be the same as the limit',
            ],
        ),
        (
            {"requests": {"hugepages-1Gi": "1Gi"}},
            ['requests.hugepages-1Gi: got "1Gi"; must have a limit of the same'],
        ),
        (
            {"limits": {"ephemeral-storage": "100Mi"}},
            ['limits.ephemeral-storage: got "100Mi"; must be at least 128Mi: the pod\'s log counts, too'],
        ),
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
            "limits": {"hugepages-2Mi": "4Mi", "example.com/gpu": 1},
        },
        {"requests": {"cpu": "1"}, "limits": {"cpu": "1000m", "memory": "192Mi"}},
        {"requests": {"ephemeral-storage": "1Mi"}, "limits": {"ephemeral-storage": "128Mi"}},
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
        ({"a\nb": "1"}, ['["a\\nb"]: got "1"; is not a parameter name; ']),
        (
            {"work_mem": "1MB\nfsync = off"},
            ['work_mem: got "1MB\\nfsync = off"; must not contain the character'],
        ),
        ({"synchronous_standby_names": "*"}, ["is reserved: use spec.synchronous"]),
        ({"max_connections": "24"}, ['max_connections: got "24"; must be at least 25, for Patroni']),
        ({"wal_keep_size": "0"}, ['wal_keep_size: got "0"; must be at least 16MB: the minimum that Patroni']),
        (
            {"Min_Wal_Size": "16MB"},
            ['Min_Wal_Size: got "16MB"; must be at least 32MB: two WAL segments, or Postg'],
        ),
        (
            {"max_connections": "30", "superuser_reserved_connections": "20", "reserved_connections": "10"},
            [
                'superuser_reserved_connections: got "20"; must leave some of the 30 max_connections free',
                'reserved_connections: got "10"; must leave some of the 30 max_connections free',
            ],
        ),
        (
            {"max_connections": "262143"},
            ['max_connections: got "262143"; at most 262143 processes together with max_connections, '],
        ),
        (
            {"wal_keep_size": "10GB", "min_wal_size": "9GB"},
            ['wal_keep_size: got "10GB"; must be less than spec.storage.size "10Gi", or it fills the volume'],
        ),
        (
            {"log_statement_stats": "on", "log_parser_stats": "on", "log_planner_stats": "off"},
            ['log_parser_stats: got "on"; cannot be on together with log_statement_stats'],
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


@pytest.mark.parametrize("value", ["1e9kB", "0x40000", "0200000", "0.5GB", " 524288 kB", "1e2GB"])
def test_every_spelling_of_too_much_is_too_much(value: str) -> None:
    resources = {"limits": {"memory": "512Mi"}}
    (violation,) = refused(resources=resources, parameters={"shared_buffers": value})
    assert violation.endswith('must be at most 384MB under resources.limits.memory "512Mi"'), violation


@pytest.mark.parametrize("value", ["1e1", "0x18", "030", "2.4e1"])
def test_every_spelling_of_too_few_is_too_few(value: str) -> None:
    (violation,) = refused(parameters={"max_connections": value})
    assert violation.endswith("must be at least 25, for Patroni")


def test_connections_that_are_all_reserved_are_refused_however_they_are_spelled() -> None:
    (violation,) = refused(parameters={"max_connections": "1e2", "reserved_connections": "0x63"})
    assert "must leave some of the 100 max_connections free; 102 are reserved" in violation


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"max_connections": "6000"},
            'max_connections: got "6000"; must be less: shared memory of 428MB does not fit into',
        ),
        (
            {"max_locks_per_transaction": "10000", "max_connections": "200"},
            'max_locks_per_transaction: got "10000"; must be less: ',
        ),
        ({"wal_buffers": "1GB"}, 'wal_buffers: got "1GB"; must be less: shared memory of 1178MB does not'),
        ({"min_dynamic_shared_memory": "1TB"}, "min_dynamic_shared_memory: "),
        ({"track_activity_query_size": "1MB", "max_connections": "500"}, "track_activity_query_size: "),
        ({"shared_buffers": "300MB", "multixact_member_buffers": "32768"}, "multixact_member_buffers: "),
        ({"max_connections": "1000"}, ""),
        ({"transaction_buffers": "1024", "max_locks_per_transaction": "256"}, ""),
    ],
)
def test_all_shared_memory_must_fit_the_memory_limit(parameters: dict[str, str], message: str) -> None:
    found = refused(resources={"limits": {"memory": "512Mi"}}, parameters=parameters)
    assert [message in violation for violation in found] == [True] * bool(message), found
    assert refused(parameters=parameters) == []


HUGE = {"limits": {"memory": "8Gi", "hugepages-1Gi": "128Gi"}, "requests": {"memory": "8Gi"}}


@pytest.mark.parametrize(
    ("parameters", "resources", "message"),
    [
        ({"shared_buffers": "124GB", "huge_pages": "on"}, HUGE, ""),
        ({"shared_buffers": "124GB"}, HUGE, ""),  # try finds the pages that the scheduler has reserved
        # PostgreSQL 17 asks for 133931 MB then (`postgres -C shared_memory_size`), and would not start.
        (
            {"shared_buffers": "128GB", "huge_pages": "on"},
            HUGE,
            'must be at most 127837MB under resources.limits.hugepages-1Gi "128Gi", which all shared memory',
        ),
        (
            {"shared_buffers": "124GB", "huge_pages": "off"},
            HUGE,
            'must be at most 8064MB under resources.limits.memory "8Gi"',
        ),
        ({"huge_pages": "on"}, {"limits": {"memory": "8Gi"}}, "without one a pod gets no huge pages"),
        ({"huge_pages": "on"}, None, "needs resources.limits.hugepages-2Mi or hugepages-1Gi"),
        (
            {"huge_pages": "on"},
            {"limits": {"memory": "8Gi", "hugepages-2Mi": "1Gi"}},
            'got "1Gi"; must leave room for shared_buffers, 2048MB, and the rest',
        ),
    ],
)
def test_shared_memory_is_compared_with_the_memory_that_it_is_taken_from(
    parameters: dict[str, str], resources: dict[str, Any] | None, message: str
) -> None:
    fields = {"parameters": parameters} | ({"resources": resources} if resources else {})
    found = refused(**fields)
    assert (found == []) if not message else (len(found) == 1 and message in found[0]), found


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


@pytest.mark.parametrize(
    ("parameters", "at_fault"),
    [
        ({"max_connections": "1e1"}, "max_connections"),
        ({"max_connections": "0x10"}, "max_connections"),
        ({"shared_buffers": "1e9kB"}, "shared_buffers"),
        ({"shared_buffers": "0x8000000"}, "shared_buffers"),
        ({"max_wal_size": "1.6e4kB"}, "max_wal_size"),
        ({"transaction_timeout": "2"}, "transaction_timeout"),
        ({"idle_session_timeout": "9s"}, "idle_session_timeout"),
    ],
)
def test_a_value_is_read_as_postgresql_reads_it(parameters: dict[str, str], at_fault: str) -> None:
    (violation,) = refused(resources={"limits": {"memory": "512Mi"}}, parameters=parameters)
    assert violation.startswith(f"spec.parameters.{at_fault}: ")


@pytest.mark.parametrize(
    ("buffers", "huge_pages", "allowed"),
    [("124GB", "on", True), ("128GB", "on", False), ("128GB", "try", False), ("1GB", "off", True)],
)
def test_shared_memory_in_huge_pages_is_compared_with_their_limit(
    buffers: str, huge_pages: str, *, allowed: bool
) -> None:
    limits = {"memory": "4Gi", "hugepages-1Gi": "128Gi"}
    parameters = {"shared_buffers": buffers, "huge_pages": huge_pages}
    assert (refused(resources={"limits": limits}, parameters=parameters) == []) is allowed
