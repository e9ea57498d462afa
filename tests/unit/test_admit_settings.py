"""Rules on what the server is given and told: resources, parameters, pg_hba; with the exact words."""

from __future__ import annotations

from typing import Any

import pytest

from controller.desired.parameters import parameters
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
