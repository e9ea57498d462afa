"""Databases and roles in the server: made, changed, put back and taken away, whatever happens meanwhile."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from controller.postgresql.client import MOST_SESSIONS
from tests.access import AS_ROLE, LOOKS, QUOTED, annotate, inside, provisioned, query, rotations
from tests.clusters import POLL
from tests.databases import Database
from tests.restores import backups
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clusters import Cluster

DATABASES: list[dict[str, Any]] = [
    {
        "name": "app",
        "schemas": [{"name": "audit"}],
        "extensions": ["hstore", {"name": "citext", "schema": "audit"}],
    },
    {"name": QUOTED, "owner": "analyst", "reclaim": "Delete", "connectionLimit": 7},
    {"name": "words", "localeProvider": "icu", "locale": "de-DE"},
]
ROLES: list[dict[str, Any]] = [
    {"name": "analyst", "memberOf": ["pg_monitor"], "attributes": ["CreateDatabase"], "connectionLimit": 9},
    {"name": "reader", "grants": [{"database": "app", "access": "Read"}]},
    {"name": "writer", "grants": [{"database": "app", "schema": "public", "access": "Write"}]},
    {"name": QUOTED, "memberOf": ["reader"]},
    {"name": "group", "login": False},
]


@pytest.fixture(scope="module")
def shop(cluster: Cluster, made: Callable[[], str]) -> Database:
    database = Database(cluster, made())
    database.apply(replicas=2, databases=DATABASES, roles=ROLES).expect()
    provisioned(database, 180)
    return database


def test_what_is_declared_is_there_and_every_secret_opens_its_role(shop: Database) -> None:
    status = shop.status()
    assert [(each["name"], each["applied"]) for each in status["databases"] + status["roles"]] == [
        (each["name"], True) for each in DATABASES + ROLES
    ]
    found = inside(
        shop, "SELECT datname, datlocprovider, datconnlimit FROM pg_database WHERE oid >= 16384 ORDER BY oid"
    )
    assert found.splitlines() == ["app|b|-1", f"{QUOTED}|b|7", "words|i|-1"]
    assert inside(shop, "SELECT extname FROM pg_extension ORDER BY 1") == "citext\nhstore\nplpgsql"
    for role in ("analyst", "reader", "writer", QUOTED):
        assert query(shop, role, "SELECT current_user") == role
    assert shop.secret("role-analyst")["dbname"] == QUOTED
    assert query(shop, "analyst", "CREATE TABLE mine(); SELECT 1").endswith("1")
    assert inside(shop, "SELECT pg_has_role('analyst', 'pg_monitor', 'member')") == "t"
    # No clear password has reached the server: it has the verifiers that keddah computed.
    assert inside(shop, "SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%'") >= "5"


def test_access_covers_what_is_made_later_and_no_more(shop: Database) -> None:
    shop.sql("CREATE TABLE today(i int); CREATE SCHEMA later; CREATE TABLE later.rows(i int)")
    shop.sql("INSERT INTO today VALUES (1)")
    assert query(shop, "reader", "SELECT i FROM today") == "1"
    assert query(shop, "reader", "SELECT count(*) FROM later.rows") == "0"
    assert "permission denied" in query(shop, "reader", "INSERT INTO today VALUES (2)")
    assert query(shop, "writer", "INSERT INTO today VALUES (2) RETURNING i").startswith("2")
    assert "permission denied" in query(shop, "writer", "SELECT count(*) FROM later.rows")
    assert query(shop, QUOTED, "SELECT count(*) FROM today") == "2"
    assert "permission denied" in query(shop, "writer", "CREATE TABLE own()")


def test_what_somebody_changes_by_hand_is_put_back_where_something_is_said_of_it(shop: Database) -> None:
    shop.sql("CREATE TABLE IF NOT EXISTS drift(i int)")
    drift = (
        "ALTER ROLE analyst NOCREATEDB CONNECTION LIMIT 3 PASSWORD 'by hand'; DROP ROLE writer_x",
        "REVOKE SELECT ON drift FROM reader",
        "ALTER SCHEMA audit OWNER TO postgres",
        "ALTER ROLE reader CONNECTION LIMIT 4",
    )
    inside(shop, "CREATE ROLE writer_x")
    for statement in drift:
        inside(shop, statement)
    question = (
        "SELECT rolcreatedb, rolconnlimit, has_table_privilege('reader', 'drift', 'SELECT'),"
        " (SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'audit')"
        " FROM pg_roles WHERE rolname = 'analyst'"
    )
    # Half a minute for what is in databases: the primary looks into each once a minute.
    until(lambda: inside(shop, question) == "t|9|t|app", 60, shop.story, POLL)
    assert query(shop, "analyst", "SELECT 1") == "1"
    assert inside(shop, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'reader'") == "4"


def test_entries_come_and_go_and_only_what_said_so_is_dropped(shop: Database) -> None:
    inside(shop, "CREATE TABLE of_writer(); ALTER TABLE of_writer OWNER TO writer")
    warned = shop.cluster.rest.merge(
        "PostgreSQLDatabase",
        shop.namespace,
        shop.name,
        {
            "spec": {
                "roles": [role for role in ROLES if role["name"] not in ("writer", "analyst")],
                "databases": DATABASES[:1],
            }
        },
    ).expect()
    assert warned
    until(
        lambda: "writer" not in inside(shop, "SELECT string_agg(rolname, ' ') FROM pg_roles"),
        60,
        shop.story,
        POLL,
    )
    provisioned(shop)
    assert inside(shop, "SELECT tableowner FROM pg_tables WHERE tablename = 'of_writer'") == "app"
    assert inside(shop, "SELECT datname FROM pg_database WHERE oid >= 16384 ORDER BY oid") == "app\nwords"
    assert shop.cluster.rest.get("Secret", shop.namespace, "db-role-writer") is None
    # A role that is refused access keeps none of the others back, and is told.
    unknown = {"name": "late", "grants": [{"database": "app", "schema": "nowhere", "access": "Read"}]}
    shop.change(roles=[*ROLES[1:2], *ROLES[3:], unknown, {"name": "after"}])
    until(
        lambda: "after" in inside(shop, "SELECT string_agg(rolname, ' ') FROM pg_roles"), 60, shop.story, POLL
    )
    lacking = [
        {
            "name": "late",
            "applied": False,
            "message": "database app has no schema nowhere yet",
            "grants": unknown["grants"],
        }
    ]
    until(lambda: [r for r in shop.status()["roles"] if r.get("message")] == lacking, 60, shop.story, POLL)
    inside(shop, "CREATE SCHEMA nowhere AUTHORIZATION app")
    provisioned(shop, 120)


def test_a_failover_in_the_midst_and_a_controller_that_ends_change_nothing_of_the_end(shop: Database) -> None:
    many = [{"name": f"many{n}", "grants": [{"database": "app", "access": "Read"}]} for n in range(40)]
    shop.change(roles=[*ROLES[1:2], *ROLES[3:], *many])
    until(
        lambda: "many0" in inside(shop, "SELECT string_agg(rolname, ' ') FROM pg_roles"), 60, shop.story, 0.05
    )
    primary = shop.primary()
    shop.cluster.rest.delete("Pod", shop.namespace, primary, gracePeriodSeconds=0)
    shop.cluster(
        "--namespace",
        "keddah-system",
        "delete",
        "pod",
        "-l",
        "app.kubernetes.io/component=controller",
        "--wait=false",
    )
    provisioned(shop, 180)
    assert shop.primary() != primary
    assert query(shop, "many39", "SELECT count(*) FROM today") == "2"


def test_two_hundred_roles_at_once(shop: Database) -> None:
    roles = [{"name": f"r{n}", "grants": [{"database": "app", "access": "Read"}]} for n in range(200)]
    begun = time.monotonic()
    shop.change(roles=roles, databases=DATABASES[:1])
    shop.until_condition("Provisioned", "AsDeclared", 120)
    print(f"200 roles with access after {time.monotonic() - begun:.1f} s")
    assert query(shop, "r199", "SELECT count(*) FROM today") == "2"


SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'keddah' \\watch i=0.1 c=300"


def test_many_databases_at_once_take_few_connections(shop: Database) -> None:
    """A superuser takes those, too, that are reserved for administrators."""
    databases = [{"name": f"d{n}", "reclaim": "Delete"} for n in range(40)]
    watch = ("sh", "-c", 'printf %s "$0" | psql -X -d app -At', SESSIONS)
    with ThreadPoolExecutor() as threads:
        watched = threads.submit(lambda: shop.execute(shop.primary(), *watch, seconds=300))
        shop.change(databases=[*DATABASES[:1], *databases])
        shop.until_condition("Provisioned", "AsDeclared", 120)
        told = watched.result()
        counts = [int(line) for line in told.out.split()]
        print(f"sessions of keddah: {counts} {told.err}")
    # A session that was ended may be seen for a moment beside the next.
    assert 1 <= max(counts) <= 2 * MOST_SESSIONS
    shop.change(databases=DATABASES[:1])
    until(
        lambda: inside(shop, "SELECT count(*) FROM pg_database WHERE datname ~ '^d[0-9]'") == "0",
        120,
        shop.story,
    )


OF_NOBODY = f"SCRAM-SHA-256$0:{'A' * 22}==${'A' * 43}=:{'A' * 43}="


def test_nothing_that_a_role_may_set_ends_the_looks_at_its_database(shop: Database) -> None:
    """A verifier that no client can use, text in another encoding, a moment that is none of Python's."""
    old = {"name": "old", "encoding": "LATIN1", "localeProvider": "libc", "locale": "C", "reclaim": "Delete"}
    loose = {"name": "loose", "encoding": "SQL_ASCII", "localeProvider": "libc", "locale": "C"}
    shop.change(databases=[*DATABASES[:1], old, loose | {"reclaim": "Delete"}], roles=[{"name": "r0"}])
    provisioned(shop, 120)
    inside(shop, 'ALTER ROLE app SET search_path TO "schéma", public', "old")
    inside(shop, "CREATE ROLE late VALID UNTIL '20000-01-01'; CREATE ROLE early VALID UNTIL '0044-03-15 BC'")
    assert query(shop, "r0", f"ALTER ROLE r0 PASSWORD '{OF_NOBODY}'").endswith("ALTER ROLE")
    until(lambda: query(shop, "r0", "SELECT 1") == "1", 60, shop.story)
    provisioned(shop)
    inside(shop, "ALTER ROLE app RESET search_path; DROP ROLE late, early")
    shop.change(databases=DATABASES[:1])
    provisioned(shop)


def test_hibernated_and_woken_everything_is_as_it_was(shop: Database) -> None:
    shop.change(hibernated=True)
    shop.until_pods(lambda pods: not pods)
    shop.change(hibernated=False, roles=[{"name": "r0"}])
    provisioned(shop, 180)
    assert query(shop, "r0", "SELECT current_user") == "r0"
    assert "permission denied" in query(shop, "r0", "SELECT count(*) FROM today", "app")
    assert inside(shop, "SELECT count(*) FROM pg_roles WHERE rolname ~ '^r[0-9]'") == "1"


def test_nothing_of_an_owners_is_executed_by_what_keddah_asks_and_does(shop: Database) -> None:
    trap = """
        CREATE TABLE public.trap(who text); GRANT ALL ON public.trap TO PUBLIC;
        CREATE FUNCTION public.sprung(name, text) RETURNS bool LANGUAGE plpgsql AS
            'BEGIN INSERT INTO public.trap VALUES (session_user); RETURN true; END';
        CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.sprung);
        ALTER DATABASE app SET search_path = public, pg_catalog;
    """
    shop.sql(trap)
    # It works on whoever asks without a path of his own.
    inside(shop, "SELECT count(*) FROM pg_namespace n WHERE n.nspname = 'x'::text")
    assert inside(shop, "SELECT DISTINCT who FROM public.trap") == "postgres"
    inside(shop, "DELETE FROM public.trap")
    trapped = {"name": "trapped", "grants": [{"database": "app", "access": "Owner"}]}
    shop.change(roles=[{"name": "r0"}, trapped], databases=[{"name": "app", "schemas": [{"name": "more"}]}])
    provisioned(shop)
    shop.change(roles=[{"name": "r0"}])
    provisioned(shop)
    assert inside(shop, "SELECT count(*) FROM pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'trapped'") == "0"
    time.sleep(LOOKS + 10)  # a primary looks into each of its databases as well
    assert inside(shop, "SELECT DISTINCT who FROM public.trap") == ""
    shop.sql("ALTER DATABASE app RESET search_path; DROP OPERATOR public.= (name, text)")


def test_a_copy_has_the_same_roles_with_passwords_of_its_own(
    cluster: Cluster, made: Callable[[], str]
) -> None:
    roles = [{"name": "reader", "grants": [{"database": "app", "access": "Read"}]}]
    source = Database(cluster, made(), "orders")
    source.apply(replicas=1, backupSchedule="0 3 * * *", roles=roles).expect()
    provisioned(source, 180)
    source.sql("CREATE TABLE today(i int)")
    annotate(source, "before-the-copy/reader")
    until(lambda: rotations(source) == {"reader": "reader_b"}, 90, source.story)
    until(lambda: backups(source) > 0, 180, source.story, 5 * POLL)
    copy = Database(cluster, source.namespace, "copy")
    copy.apply(replicas=1, restore={"from": {"name": "orders"}}, roles=roles).expect()
    provisioned(copy, 240)
    assert query(copy, "reader", "SELECT current_user") == "reader"
    former, own = source.secret("role-reader"), copy.secret("role-reader")
    assert former["password"] != own["password"]
    uri = own["uri"].replace(own["password"], former["password"])
    second = uri.replace("//reader:", "//reader_b:")
    for each, words in ((uri, "authentication failed"), (second, "not permitted to log in")):
        assert words in copy.execute(copy.pod_names()[0], "sh", "-c", AS_ROLE, each, "SELECT 1").err
