"""Every rule on a new object, with the exact words."""

from __future__ import annotations

import pytest

from schemas.admit import admit
from tests import factory
from tests.verdicts import NOW, POLICY, refused

SIZES = "write a number with a suffix, such as 10Gi, 500M or 1.5"
ALL_VERSIONS = '"16", "16.10", "17", "17.5", "17.6", "18" or "18.1"'


def test_an_empty_spec_is_a_database() -> None:
    assert refused() == []
    assert admit({"metadata": {"name": "orders"}}, policy=POLICY, now=NOW).accepted


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
        ('a"b', 'got "a\\"b"; must not contain "\\""; '),
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
        ("10Gi ", f'got "10Gi "; must not contain white space; {SIZES}'),
        ("10Gi\n", f'got "10Gi\\n"; must not contain white space; {SIZES}'),
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


def test_two_repositories_are_one_too_many() -> None:
    s3 = {"bucket": "abc", "endpoint": "s3.example.com", "credentials": {"name": "s3"}}
    found = refused(backup={"repository": {"volume": {}, "s3": s3}})
    assert found[0] == "spec.backup.repository: got volume and s3; must be one of them"


NAME = "must be at most 45 characters of a-z, 0-9 and -, from a letter to a letter or digit"


@pytest.mark.parametrize("name", ["a" * 46, "Orders", "1st", "orders-", "a.b", "o_o"])
def test_names_that_make_no_service_are_refused(name: str) -> None:
    verdict = admit(factory.complete_database(name), policy=POLICY, now=NOW)
    assert [str(violation) for violation in verdict.violations] == [f'metadata.name: got "{name}"; {NAME}']


@pytest.mark.parametrize("name", ["orders-ro", "orders-pods", "a-b-ro", "orders-repository"])
def test_names_of_another_databases_children_are_refused(name: str) -> None:
    (violation,) = admit(factory.complete_database(name), policy=POLICY, now=NOW).violations
    base, _, ending = name.rpartition("-")
    expected = f"must not end with -{ending}: a database {base} has a child of this name"
    assert str(violation) == f'metadata.name: got "{name}"; {expected}'


@pytest.mark.parametrize("name", ["ro", "pods", "euro", "orders-0", "orders-config", "orders-ro-1"])
def test_names_that_no_child_has_are_accepted(name: str) -> None:
    assert admit(factory.complete_database(name), policy=POLICY, now=NOW).accepted


def test_a_database_that_has_such_a_name_already_may_change() -> None:
    old, new = (factory.complete_database("orders-ro", replicas=count) for count in (1, 2))
    assert admit(new, old, policy=POLICY, now=NOW).accepted


def test_a_name_ending_in_a_newline_is_refused() -> None:
    (violation,) = admit(factory.complete_database("orders\n"), policy=POLICY, now=NOW).violations
    assert str(violation) == 'metadata.name: got "orders\\n"; ' + NAME


@pytest.mark.parametrize(
    ("prefix", "accepted"), [("orders-", True), ("a" * 40, True), ("a" * 41, False), ("Or-", False)]
)
def test_a_generated_name_must_fit_too(prefix: str, *, accepted: bool) -> None:
    manifest = {"metadata": {"generateName": prefix}, "spec": {}}
    assert admit(manifest, policy=POLICY, now=NOW).accepted is accepted
