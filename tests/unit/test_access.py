"""Databases and roles: which statements follow from what was found, and why there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.observe.access.state import (
    Access,
    Default,
    ExtensionState,
    Right,
)
from controller.plan.access.looks import Looks
from controller.plan.access.steps import todo
from controller.postgresql.verifier import verifier
from tests.servers import (
    ANALYST,
    EMPTY,
    MADE,
    NOW,
    OWNER,
    READ,
    ROLE,
    TABLE,
    WRITE,
    declared,
    found,
    has,
    of_extension,
    statements,
    told_by_primary,
    with_lack,
)

SPECS: list[tuple[str, dict[str, Any], Access, list[str]]] = [
    ("nothing is declared", {}, found(), []),
    ("a new role", {"roles": [ANALYST]}, found(), ['postgres: CREATE ROLE "analyst" LOGIN']),
    ("as declared", {"roles": [ANALYST]}, found(has("analyst")), []),
    (
        "all that can be said of a role",
        {
            "roles": [
                {
                    "name": 'an "Ana"',
                    "login": False,
                    "connectionLimit": 3,
                    "validUntil": "2030-01-01T00:00:00Z",
                    "attributes": ["CreateDatabase"],
                    "memberOf": ["app", "pg_monitor"],
                }
            ]
        },
        found(),
        [
            (
                'postgres: CREATE ROLE "an ""Ana""" NOLOGIN CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
                " CONNECTION LIMIT 3 VALID UNTIL '2030-01-01T00:00:00+00:00'"
            ),
            'postgres: GRANT "app" TO "an ""Ana""" WITH INHERIT TRUE, SET TRUE',
            'postgres: GRANT "pg_monitor" TO "an ""Ana""" WITH INHERIT TRUE, SET TRUE',
        ],
    ),
    (
        "what differs, and nothing else",
        {"roles": [{**ANALYST, "connectionLimit": 3, "attributes": []}]},
        found(has("analyst", replace(ROLE, login=False, attributes=frozenset({"CreateRole"})))),
        ['postgres: ALTER ROLE "analyst" LOGIN NOCREATEROLE CONNECTION LIMIT 3'],
    ),
    (
        "what was changed by hand, where nothing is said of it",
        {"roles": [ANALYST]},
        found(has("analyst", replace(ROLE, connection_limit=7, attributes=frozenset({"CreateDatabase"})))),
        [],
    ),
    (
        "another password than keddah's",
        {"roles": [ANALYST]},
        found({"analyst": replace(ROLE, verifier=verifier("other", b"salt"))}),
        ['postgres: ALTER ROLE "analyst"'],
    ),
    (
        "a new database",
        {"databases": [{"name": "Q 4", "owner": "analyst", "connectionLimit": 5}], "roles": [ANALYST]},
        found(has("analyst")),
        [
            (
                'postgres: CREATE DATABASE "Q 4" OWNER "analyst" TEMPLATE template0 ENCODING \'UTF8\''
                " LOCALE_PROVIDER builtin LOCALE 'C.UTF-8' BUILTIN_LOCALE 'C.UTF-8' CONNECTION LIMIT 5"
            )
        ],
    ),
    (
        "of other locales",
        {
            "databases": [
                {"name": "a", "localeProvider": "icu", "locale": "de-DE"},
                {"name": "b", "localeProvider": "libc", "locale": "en_US.UTF-8", "encoding": "UTF8"},
            ]
        },
        found(),
        [
            (
                'postgres: CREATE DATABASE "a" OWNER "app" TEMPLATE template0 ENCODING \'UTF8\''
                " LOCALE_PROVIDER icu LOCALE 'C.UTF-8' ICU_LOCALE 'de-DE'"
            ),
            (
                'postgres: CREATE DATABASE "b" OWNER "app" TEMPLATE template0 ENCODING \'UTF8\''
                " LOCALE_PROVIDER libc LOCALE 'en_US.UTF-8'"
            ),
        ],
    ),
    (
        "another owner, another limit",
        {"databases": [{"name": "x", "connectionLimit": 2}]},
        found(databases={"x": replace(MADE, owner="postgres")}),
        [
            'postgres: ALTER DATABASE "x" OWNER TO "app"',
            'postgres: ALTER DATABASE "x" CONNECTION LIMIT 2',
        ],
    ),
    (
        "schemas and extensions",
        {
            "databases": [
                {
                    "name": "app",
                    "schemas": [{"name": "audit"}, {"name": "old", "owner": "app"}],
                    "extensions": ["vector", {"name": "hstore", "schema": "audit", "version": "1.7"}],
                }
            ]
        },
        found(databases={"app": replace(MADE, contents=replace(EMPTY, schemas={"old": "postgres"}))}),
        [
            'app: CREATE SCHEMA "audit" AUTHORIZATION "app"',
            'app: ALTER SCHEMA "old" OWNER TO "app"',
            "app: SET search_path TO public, pg_temp",
            'app: CREATE EXTENSION "vector" CASCADE',
            "app: RESET search_path",
            "app: SET search_path TO public, pg_temp",
            'app: CREATE EXTENSION "hstore" SCHEMA "audit" VERSION \'1.7\' CASCADE',
            "app: RESET search_path",
        ],
    ),
    (
        "extensions of a newer image, one of them pinned",
        {
            "databases": [
                {"name": "app", "extensions": ["vector", {"name": "hstore", "version": "1.7", "schema": "s"}]}
            ]
        },
        found(
            databases={
                "app": replace(
                    MADE,
                    contents=replace(
                        EMPTY,
                        extensions={
                            "vector": ExtensionState("0.7", "public"),
                            "hstore": ExtensionState("1.7", "public"),
                        },
                    ),
                )
            }
        ),
        [
            "app: ALTER EXTENSION \"vector\" UPDATE TO '0.8'",
            'app: ALTER EXTENSION "hstore" SET SCHEMA "s"',
        ],
    ),
]


@pytest.mark.parametrize(
    ("spec", "access", "wanted"), [each[1:] for each in SPECS], ids=[each[0] for each in SPECS]
)
def test_statements_follow_from_what_was_found(
    spec: dict[str, Any], access: Access, wanted: list[str]
) -> None:
    assert statements(todo(declared(**spec), access)) == wanted


def test_access_to_a_schema_includes_what_its_owners_make_later() -> None:
    who = '"analyst"'
    db = declared(roles=[{**ANALYST, "grants": [READ]}])
    lacking = with_lack(Right("analyst", "public", "Read"), public="app")
    assert statements(todo(db, found(has("analyst"), lacking))) == [
        'app: GRANT CONNECT ON DATABASE "app" TO "analyst"',
        'app: GRANT USAGE ON SCHEMA "public" TO "analyst"',
        'app: GRANT SELECT ON TABLE "public"."t" TO "analyst"',
        'app: GRANT SELECT ON SEQUENCE "public"."s" TO "analyst"',
        *(
            f'app: ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "public" GRANT SELECT ON {what} TO {who}'
            for what in ("TABLES", "SEQUENCES")
        ),
    ]
    assert statements(todo(db, found(has("analyst"), with_lack()))) == []


def test_access_to_a_database_includes_later_schemas_and_what_others_make_who_may() -> None:
    grants = [{"database": "app", "access": "Owner"}]
    writes = [{"database": "app", "access": "Write"}]
    db = declared(roles=[{"name": "a", "grants": grants}, {"name": "b", "grants": writes}])
    found_there = found(has("a") | has("b"), with_lack(Right("b", "", "Write"), public="app"))
    texts = statements(todo(db, found_there))
    assert [text for text in texts if "DEFAULT" in text and "TABLES" in text] == [
        f'app: ALTER DEFAULT PRIVILEGES FOR ROLE "{who}" GRANT {WRITE} ON TABLES TO "b"'
        for who in ("a", "app")
    ]
    assert 'app: ALTER DEFAULT PRIVILEGES FOR ROLE "app" GRANT USAGE ON SCHEMAS TO "b"' in texts


def test_what_was_granted_before_is_taken_back_in_one_with_what_is_given_instead() -> None:
    former = {"name": "analyst", "grants": [{"database": "app", "access": "Write"}], "memberOf": ["app", "x"]}
    db = declared({"roles": [former]}, roles=[{**ANALYST, "grants": [READ]}])
    state = replace(ROLE, groups=frozenset({"app", "by_hand"}))
    held = with_lack(public="app")
    contents = replace(
        EMPTY,
        schemas={"public": "app"},
        relations={Right("analyst", "public", "Read"): (TABLE,)},
        defaults=frozenset({Default("analyst", "former owner", ""), Default("x", "app", "")}),
    )
    access = found(has("analyst", state), {"app": replace(MADE, contents=contents)})
    ended, changed = todo(db, access).steps
    assert [each.as_string() for each in ended.statement.render()] == ['REVOKE "app" FROM "analyst"']
    texts = [each.as_string() for each in changed.statement.render()]
    assert texts[0] == 'REVOKE CONNECT ON DATABASE "app" FROM "analyst"'
    # From those who have owned something at the time, too.
    taken = 'ALTER DEFAULT PRIVILEGES FOR ROLE "former owner" REVOKE ALL ON TABLES FROM "analyst"'
    assert [text for text in texts if "DEFAULT" in text and "REVOKE" in text and "TABLES" in text] == [taken]
    assert texts.index('REVOKE ALL ON ALL TABLES IN SCHEMA "public" FROM "analyst"') < texts.index(
        'GRANT SELECT ON TABLE "public"."t" TO "analyst"'
    )
    # Until the status tells of it, nobody takes it back a second time.
    seen = told_by_primary("a")
    looks = Looks().after(db, replace(seen, access=access), [], NOW)
    again = looks.told(db, replace(seen, access=found(has("analyst"), held)), NOW)
    assert statements(todo(db, again.access)) == []


def test_entries_that_were_taken_out_go_as_their_last_state_said() -> None:
    status = {
        "databases": [{"name": "kept", "reclaim": "Retain"}, {"name": "gone", "reclaim": "Delete"}],
        "roles": [{"name": "reader"}, {"name": "app"}, {"name": "never made"}],
    }
    others = {"kept": replace(MADE, contents=None), "gone": replace(MADE, contents=None)}
    reader = has("reader", replace(ROLE, present_in=frozenset({"", "app", "gone"})))
    assert statements(todo(declared(status), found(reader | has("by hand"), others))) == [
        'postgres: DROP DATABASE IF EXISTS "gone" WITH (FORCE)',
        'postgres: ALTER ROLE "reader" NOLOGIN',
        "postgres: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'",
        'postgres: REASSIGN OWNED BY "reader" TO "app"',
        'postgres: DROP OWNED BY "reader"',
        'app: REASSIGN OWNED BY "reader" TO "app"',
        'app: DROP OWNED BY "reader"',
        'postgres: DROP ROLE IF EXISTS "reader"',
    ]
    # What was locked out in time for a session to come in is ended again.
    late = {"reader": replace(ROLE, login=False, connected=True)}
    assert statements(todo(declared(status), found(late)))[0].startswith("postgres: SELECT pg_terminate_b")
    # A superuser's entry was only complained about.
    dba = {"reader": replace(ROLE, superuser=True)}
    assert statements(todo(declared(status), found(dba))) == []
    # Whose status was lost loses nothing else.
    assert statements(todo(declared(), found(has("reader"), others))) == []


def test_a_role_stays_whose_database_takes_no_connections_and_it_is_said() -> None:
    status = {"roles": [{"name": "reader"}]}
    reader = {"reader": replace(ROLE, login=False, present_in=frozenset({"app", "old"}))}
    plan = todo(declared(status), found(reader, {"old": replace(MADE, connectable=False)}))
    assert statements(plan) == []
    assert [*plan.complaints.values()] == ["has something in old, which ALLOW_CONNECTIONS closes"]


@pytest.mark.parametrize(
    ("spec", "access", "words"),
    [
        (
            {"roles": [ANALYST]},
            found({"analyst": replace(ROLE, superuser=True)}),
            "is a superuser, which keddah leaves alone: ALTER ROLE … NOSUPERUSER",
        ),
        (
            {"roles": [{**ANALYST, "password": {"secret": {"name": "mine"}}}]},
            found(),
            "Secret mine has no key `password`, or an empty one, or does not exist",
        ),
        (
            {"roles": [{**ANALYST, "grants": [{**READ, "schema": "sales"}]}]},
            found(has("analyst"), with_lack(Right("analyst", "sales", "Read"))),
            "database app has no schema sales yet",
        ),
        (
            {"databases": [{"name": "analyst"}]},
            found(databases={"analyst": replace(MADE, encoding="LATIN1", provider="libc", locale="C")}),
            "is there, and was made with LATIN1, libc, C, which cannot change; declare that",
        ),
        (
            {"databases": [{"name": "analyst"}]},
            found(databases={"analyst": replace(MADE, connectable=False)}),
            "takes no connections: ALTER DATABASE … ALLOW_CONNECTIONS true",
        ),
        (
            {"roles": [{**ANALYST, "grants": [{**READ, "schema": "cron"}]}]},
            found(has("analyst"), of_extension("cron", Right("analyst", "cron", "Read"))),
            "schema cron belongs to extension pg_cron: access to it could be a superuser's",
        ),
        (
            {"databases": [{"name": "app", "schemas": [{"name": "cron"}]}]},
            found(databases=of_extension("cron")),
            "schema cron belongs to extension pg_cron",
        ),
        (
            {"roles": [{**ANALYST, "grants": [{**READ, "schema": "private"}]}]},
            found(
                has("analyst") | {"dba": replace(ROLE, superuser=True)},
                with_lack(Right("analyst", "private", "Read"), private="dba"),
            ),
            "schema private of database app belongs to a superuser: ALTER SCHEMA … OWNER TO",
        ),
        (
            {"databases": [{"name": "analyst", "extensions": ["nope"]}]},
            found(databases={"analyst": MADE}),
            "the image has no extension nope",
        ),
    ],
)
def test_what_cannot_be_is_said(spec: dict[str, Any], access: Access, words: str) -> None:
    plan = todo(declared(**spec), access)
    assert (plan.steps, list(plan.complaints.values())) == ((), [words])


def test_the_owner_is_put_back_though_only_others_are_declared() -> None:
    changed = {"app": replace(OWNER, login=False, verifier=verifier("by hand", b"x"))}
    assert statements(todo(declared(databases=[{"name": "app"}]), found(changed))) == [
        'postgres: ALTER ROLE "app" LOGIN'
    ]


def test_superusers_and_extensions_have_no_part_in_what_a_whole_database_means() -> None:
    db = declared(roles=[{**ANALYST, "grants": [{"database": "app", "access": "Read"}]}])
    right = Right("analyst", "", "Read")
    roles = has("analyst") | {"dba": replace(ROLE, superuser=True)}
    texts = statements(todo(db, found(roles, with_lack(right, public="app", private="dba"))))
    assert 'app: GRANT USAGE ON SCHEMA "public" TO "analyst"' in texts
    assert not [text for text in texts if "private" in text or "dba" in text]


def test_a_password_that_a_user_gives_is_set_by_its_verifier_alone() -> None:
    db = declared(roles=[{**ANALYST, "password": {"secret": {"name": "mine"}}}])
    [step] = todo(db, found(analyst="s3cret")).steps
    [text] = (each.as_string() for each in step.statement.render())
    assert "SCRAM-SHA-256$4096:" in text
    assert "s3cret" not in f"{text} {step} {step.statement}"
    assert "SCRAM" not in f"{step} {step.statement}"
