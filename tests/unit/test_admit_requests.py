"""Annotations that ask for a backup, a verification or a restore in place."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.admit import admit
from tests import factory
from tests.verdicts import NOW, POLICY

ANNOTATION = 'metadata.annotations["keddah.dev/{}"]'


def asked(
    stored: dict[str, str] | None,
    given_: dict[str, str],
    status: dict[str, Any] | None = None,
    **spec: object,
) -> tuple[list[str], tuple[str, ...]]:
    """Judge an object with other annotations, or a new one with some."""

    def annotated(annotations: dict[str, str]) -> dict[str, Any]:
        manifest = factory.complete_database(replicas=3, **spec)
        metadata = {**manifest["metadata"], "annotations": annotations}
        return {**manifest, "metadata": metadata, "status": status or {}}

    old = annotated(stored) if stored is not None else None
    verdict = admit(annotated(given_), old, policy=POLICY, now=NOW)
    return [str(violation) for violation in verdict.violations], verdict.warnings


@pytest.mark.parametrize("name", ["backup-now", "verify-now"])
@pytest.mark.parametrize("value", ["1", "before-release", "2026-11-27T10:00:00+01:00", "a" * 63])
def test_a_request_needs_an_id(name: str, value: str) -> None:
    assert asked({}, {f"keddah.dev/{name}": value}) == ([], ())


@pytest.mark.parametrize("name", ["backup-now", "verify-now"])
@pytest.mark.parametrize("value", ["", " ", "a b", "-a", "a-", "a" * 64, "é", "a\n"])
def test_other_ids_are_refused(name: str, value: str) -> None:
    ((violation,), _) = asked({}, {f"keddah.dev/{name}": value})
    assert violation.startswith(f"{ANNOTATION.format(name)}: got ")
    assert violation.endswith(
        "must be an id of 1 to 63 letters, digits and - _ . : +, a letter or digit at both ends"
    )
    # As on creation.
    assert len(asked(None, {f"keddah.dev/{name}": value})[0]) == 1


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ("leak-7", []),
        ("leak-7/app, reader", []),
        ("", ["must be an id of 1 to 63 letters"]),
        (
            "leak-7/raeder,groups",
            ['got "raeder"; is not declared; is it "reader"?', "has no password of keddah"],
        ),
        ("leak-7/shop", ["shop_b is another role"]),
        ("leak-7/", ['got "leak-7/"; names no role behind "/"; leave out "/" for all roles']),
        ("leak-7/ , ", ['names no role behind "/"']),
        ("/", ["must be an id of 1 to 63 letters"]),
    ],
)
def test_new_passwords_are_asked_for_by_an_id_and_maybe_roles(value: str, problems: list[str]) -> None:
    roles = [{"name": "reader"}, {"name": "groups", "login": False}, {"name": "shop"}, {"name": "shop_b"}]
    (found, _) = asked({}, {"keddah.dev/rotate-passwords": value}, backupSchedule="", roles=roles)
    assert len(found) == len(problems)
    assert all(words in violation for words, violation in zip(problems, found, strict=True))


RESTORE_TO = ANNOTATION.format("restore-to")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("yesterday", 'got "yesterday"; must be an RFC 3339 moment with its time zone, such as'),
        ("", 'got ""; must be an RFC 3339 moment'),
        ("2026-11-22", 'got "2026-11-22"; must be an RFC 3339 moment'),
        (
            "2026-11-23T00:00:01Z",
            'got "2026-11-23T00:00:01Z"; is in the future; now it is 2026-11-23T00:00:00Z',
        ),
        (
            "2026-11-09T23:59:59Z",
            'got "2026-11-09T23:59:59Z"; is before 2026-11-10T00:00:00Z, the oldest moment that can be',
        ),
    ],
)
def test_moments_that_cannot_be_restored_are_refused(value: str, problem: str) -> None:
    status = {"backups": {"count": 2, "oldestRestorableTime": "2026-11-10T00:00:00Z"}}
    ((violation,), _) = asked({}, {"keddah.dev/restore-to": value}, status)
    assert violation.startswith(f"{RESTORE_TO}: {problem}")


def test_a_restore_in_place_says_what_it_does() -> None:
    assert asked({}, {"keddah.dev/restore-to": "2026-11-22T10:00:00Z"}) == (
        [],
        ("restore-to 2026-11-22T10:00:00Z: stops, and loses all changes since; the present volumes stay",),
    )


def test_a_protected_database_is_not_restored_in_place() -> None:
    request = {"keddah.dev/restore-to": "2026-11-22T10:00:00Z"}
    ((violation,), _) = asked({}, request, deletionProtection=True)
    assert violation == (
        f'{RESTORE_TO}: got "2026-11-22T10:00:00Z"; replaces the data, and spec.deletionProtection is true: '
        "set it to false first"
    )
    # What was carried out long ago may stay.
    assert asked(request, request, deletionProtection=True) == ([], ())
    assert asked(request, {}, deletionProtection=True) == ([], ())
    assert asked({}, {"keddah.dev/backup-now": "x"}, deletionProtection=True) == ([], ())


@pytest.mark.parametrize("name", ["backup-now", "verify-now", "restore-to"])
def test_without_backups_nothing_can_be_asked(name: str) -> None:
    value = "2026-11-22T10:00:00Z"
    ((violation,), _) = asked({}, {f"keddah.dev/{name}": value}, backupSchedule="")
    assert violation.startswith(f'{ANNOTATION.format(name)}: got "{value}"; needs backups')


def test_a_new_object_may_have_old_requests() -> None:
    old = {"keddah.dev/restore-to": "2026-11-22T10:00:00Z", "keddah.dev/backup-now": "x"}
    violations, warnings = asked(None, old, deletionProtection=True)
    assert violations == []
    assert warnings == (f"{RESTORE_TO}: a new database has nothing to restore; leave it out",)


def test_other_annotations_are_nobodys_business() -> None:
    assert asked({}, {"note": "", "keddah.dev/other": ""}) == ([], ())


def test_the_data_from_before_a_restore_is_taken_back() -> None:
    assert asked({}, {"keddah.dev/restore-to": "former"}) == (
        [],
        ("restore-to former: stops, and takes back the data from before the last restore",),
    )
    ((violation,), _) = asked({}, {"keddah.dev/restore-to": "former"}, deletionProtection=True)
    assert "spec.deletionProtection is true" in violation


def test_a_hibernated_database_is_woken_before_it_is_restored() -> None:
    ((violation,), _) = asked({}, {"keddah.dev/restore-to": "2026-11-22T10:00:00Z"}, hibernated=True)
    assert violation.startswith(f'{RESTORE_TO}: got "2026-11-22T10:00:00Z"; needs all of the WAL archived')
    assert asked({}, {"keddah.dev/backup-now": "x"}, hibernated=True) == ([], ())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("switchover-now", "1", ""),
        ("switchover-now", "1/orders-2", ""),
        ("switchover-now", "1/", "must be an id of 1 to 63 letters"),
        ("switchover-now", "/orders-2", "must be an id of 1 to 63 letters"),
        ("restart-now", "1/other-2", "must name an instance, such as 1/orders-1"),
        ("reload-now", "1/orders-2", "must be an id of 1 to 63 letters"),
        ("resume-now", "1", ""),
    ],
)
def test_a_request_about_instances_may_name_one(name: str, value: str, problem: str) -> None:
    violations, _ = asked({}, {f"keddah.dev/{name}": value})
    assert bool(problem) == bool(violations)
    assert problem in "".join(violations)


def test_instances_that_do_not_run_are_asked_for_nothing() -> None:
    ((violation,), _) = asked({}, {"keddah.dev/restart-now": "1"}, hibernated=True)
    assert violation.endswith("needs instances that run, and spec.hibernated is true: wake it first")
    assert asked(None, {"keddah.dev/restart-now": "1"}, hibernated=True)[0] == []


def test_a_pause_says_what_it_means() -> None:
    assert asked({}, {"keddah.dev/pause-now": "x"})[1] == (
        "pause-now x: nobody fails over, and nothing is restarted, until resume-now",
    )
