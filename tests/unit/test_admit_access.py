"""spec.databases and spec.roles: what is refused, with the exact words, and what a removal will do."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.admit import admit
from tests import factory
from tests.verdicts import NOW, POLICY, refused, warned

COPY = "create another database and copy the data"
READER = {"name": "reader", "grants": [{"database": "app", "schema": "public", "access": "Read"}]}


def test_what_a_team_writes_is_accepted() -> None:
    databases = [
        {
            "name": "app",
            "owner": "app",
            "extensions": ["pg_stat_statements", {"name": "hstore", "schema": "public"}],
            "schemas": [{"name": "audit", "owner": "app"}],
        },
        {"name": "Quarterly reports", "owner": 'an "analyst"', "reclaim": "Retain"},
        {"name": "legacy", "encoding": "LATIN1", "localeProvider": "libc", "locale": "C"},
        {"name": "words", "localeProvider": "icu", "locale": "de-DE"},
    ]
    roles = [
        {"name": 'an "analyst"', "memberOf": ["pg_monitor", "reader"], "attributes": ["CreateDatabase"]},
        {**READER, "login": False},
        {"name": "app", "validUntil": "2030-01-01T00:00:00Z", "connectionLimit": 50},
        {"name": "select", "password": {"secret": {"name": "mine"}}},
        {"name": "rotating", "password": {"rotateEvery": "30d"}},
    ]
    assert refused(databases=databases, roles=roles) == []


def test_an_entry_whose_database_would_still_be_dropped_stays() -> None:
    def gone(said: str, noted: str) -> list[str]:
        stored = factory.complete_database(databases=[{"name": "x", "reclaim": said}])
        stored["status"] = {"databases": [{"name": "x", "applied": True, "reclaim": noted}]}
        found = admit(factory.complete_database(databases=[]), stored, policy=POLICY, now=NOW)
        return [str(each) for each in found.violations]

    wait = "it would still be dropped; wait until its reclaim: Delete is gone from status.databases"
    assert gone("Retain", "Delete") == [f"spec.databases: x is left out: {wait}"]
    assert gone("Retain", "Retain") == gone("Delete", "Delete") == gone("Delete", "Retain") == []


@pytest.mark.parametrize(
    ("database", "words"),
    [
        ({"name": "postgres"}, '.name: got "postgres"; is the maintenance database that every server has'),
        ({"name": "a\tb"}, '.name: got "a\\tb"; must not contain "\\t"; use characters that can be seen'),
        ({"name": "ä" * 32}, f'.name: got "{"ä" * 32}"; is 64 bytes long; PostgreSQL keeps only 63'),
        ({"name": "x", "owner": "analist"}, '.owner: got "analist"; is not declared; is it "analyst"?'),
        ({"name": "x", "owner": "z"}, '.owner: got "z"; is not declared; roles that are: analyst and app'),
        ({"name": "app", "owner": "analyst"}, '.owner: got "analyst"; must be app, which spec.owner says'),
        ({"name": "app", "reclaim": "Delete"}, '.reclaim: got "Delete"; must be Retain'),
        ({"name": "x", "encoding": "UTF-9"}, '.encoding: got "UTF-9"; is no encoding of servers'),
        ({"name": "x", "encoding": "LATIN1"}, '.encoding: got "LATIN1"; needs localeProvider libc'),
        ({"name": "x", "locale": "de_DE"}, '.locale: got "de_DE"; must be C, C.UTF-8 or PG_UNICODE_FAST'),
        ({"name": "x", "localeProvider": "icu"}, '.locale: got "nothing"; provider icu needs a locale'),
        ({"name": "x", "schemas": [{"name": "pg_x"}]}, '.schemas[0].name: got "pg_x"; starts with pg_'),
        ({"name": "x", "schemas": [{"name": "s", "owner": "z"}]}, '.schemas[0].owner: got "z"; is not decl'),
        ({"name": "x", "extensions": ["a", {"name": "a"}]}, '.extensions[1]: got "a"; is there twice'),
    ],
)
def test_a_database_that_cannot_be_is_refused(database: dict[str, Any], words: str) -> None:
    (found,) = refused(databases=[database], roles=[{"name": "analyst"}])
    assert found.startswith(f"spec.databases[0]{words}")


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ({"name": "postgres"}, '.name: got "postgres"; is the superuser, which keddah owns'),
        ({"name": "keddah"}, '.name: got "keddah"; is the role that keddah itself connects as'),
        ({"name": "pg_mine"}, '.name: got "pg_mine"; starts with pg_, which PostgreSQL keeps for its own'),
        ({"name": " "}, '.name: got " "; must not be blank'),
        (
            {"name": "r", "validUntil": "2030-01-01T00:00:00"},
            '.validUntil: got "2030-01-01T00:00:00"; must be an',
        ),
        (
            {"name": "r", "login": False, "password": {}},
            '.password: got "a password"; must be absent of a role',
        ),
        ({"name": "app", "login": False}, ".login: got false; must be true: applications log in"),
        ({"name": "app", "password": {"secret": {"name": "x"}}}, '.password.secret: got "x"; must be absent'),
        (
            {"name": "r", "password": {"secret": {"name": "orders-superuser"}}},
            '.password.secret: got "orders-superuser"; must be a Secret of yours',
        ),
        ({"name": "app_b"}, '.name: got "app_b"; is the second login of app, between which and app rotated'),
        (
            {"name": "r", "password": {"rotateEvery": "30"}},
            '.password.rotateEvery: got "30"; a unit is missing behind "30"',
        ),
        (
            {"name": "r", "password": {"rotateEvery": "59m"}},
            '.password.rotateEvery: got "59m"; must be from 1h to 366d',
        ),
        (
            {"name": "r", "password": {"rotateEvery": "1d", "secret": {"name": "mine"}}},
            '.password.rotateEvery: got "1d"; must be absent where password.secret says the password',
        ),
        ({"name": "r", "memberOf": ["r"]}, '.memberOf[0]: got "r"; must be another role'),
        ({"name": "r", "memberOf": ["ap"]}, '.memberOf[0]: got "ap"; is not declared; is it "app"?'),
        (
            {"name": "r", "memberOf": ["pg_read_server_files"]},
            '.memberOf[0]: got "pg_read_server_files"; of PostgreSQL\'s own roles it may be pg_check',
        ),
        (
            {"name": "r", "grants": [{"database": "nope", "access": "Read"}]},
            '.grants[0].database: got "nope"; is not declared; databases that are: app',
        ),
        ({"name": "r", "grants": [READER["grants"][0]] * 2}, '.grants[1]: got "public"; is there twice'),
    ],
)
def test_a_role_that_cannot_be_is_refused(role: dict[str, Any], words: str) -> None:
    (found,) = refused(roles=[role])
    assert found.startswith(f"spec.roles[0]{words}")


def test_every_mistake_is_named_at_once() -> None:
    roles = [{"name": "a", "memberOf": ["b"]}, {"name": "b", "memberOf": ["a"]}, {"name": "a"}]
    assert refused(roles=roles, databases=[{"name": "x", "owner": "c"}]) == [
        'spec.databases[0].owner: got "c"; is not declared; roles that are: a, app and b',
        'spec.roles[0].memberOf[0]: got "b"; closes a circle: a -> b -> a',
        'spec.roles[1].memberOf[0]: got "a"; closes a circle: b -> a -> b',
        'spec.roles[2].name: got "a"; is there twice; leave one out',
    ]


def test_how_a_database_was_made_cannot_change() -> None:
    before = {"databases": [{"name": "words", "localeProvider": "icu", "locale": "de-DE"}]}
    assert refused(before, databases=[{"name": "words"}]) == [
        f'spec.databases[0].localeProvider: got "builtin"; cannot change, it is icu; {COPY}',
        f'spec.databases[0].locale: got "nothing"; cannot change, it is de-DE; {COPY}',
    ]


def test_a_removal_says_what_it_will_do() -> None:
    before = {
        "databases": [{"name": "kept"}, {"name": "dropped", "reclaim": "Delete"}],
        "roles": [READER, {"name": "app"}],
    }
    assert list(warned(before)) == [
        "databases.kept: stays as it is; keddah leaves it alone",
        "databases.dropped: dropped with all its data",
        "roles.reader: dropped; objects owned by it are reassigned to app",
    ]


def test_many_databases_on_a_small_volume_are_warned_of() -> None:
    many = [{"name": f"d{number}"} for number in range(90)]
    small = {"size": "1Gi"}
    told = (
        "spec.databases: 90 take some 720MB before anything is in them, of storage.size 1Gi, which WAL shares"
    )
    assert told in warned(databases=many, storage=small)
    for enough in (
        {"databases": many, "storage": {"size": "10Gi"}},
        {"databases": many[:60], "storage": small},
    ):
        assert not [each for each in warned(**enough) if each.startswith("spec.databases")]
