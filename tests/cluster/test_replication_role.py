"""What the role that standbys replicate with can reach: all data, nothing else, and only as a member."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from controller.certificates.certificate import Pair
from controller.certificates.keys import DatabaseKeys
from controller.certificates.pki import issue_client
from tests.client_pod import NAME as CLIENT
from tests.client_pod import client_pod
from tests.clusters import Cluster
from tests.databases import Database
from tests.kubectl import Output

TLS = "/etc/keddah/tls"
PAIR = f"sslcert={TLS}/tls.crt sslkey={TLS}/tls.key"
WHERE = "hostaddr={address} port=5432 user=replicator sslmode=require"
SQL, REPLICATION = "dbname=postgres", "dbname=replication replication=true"
SECRETS = (
    f"{TLS}/tls.key",
    "/etc/keddah/app/password",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/etc/patroni/patroni.yml",
    "/tmp/pgpass",  # noqa: S108 - the pod's own volume
    "/proc/self/environ",
    "/proc/1/environ",
)
"""Files that PostgreSQL's own user can read."""
FUNCTIONS = (
    "pg_read_binary_file('{file}')",
    "pg_read_binary_file('{file}', 0, 10, true)",
    "pg_stat_file('{file}', true)",
    "pg_read_file('{file}')",
    "lo_import('{file}')",
)
REFUSED = (
    "absolute path not allowed",
    "must be in or below the data directory",
    "permission denied",
    "cannot be changed now",
)
OTHERS = (
    "SELECT pg_ls_dir('/etc/keddah', true, false)",
    "SELECT pg_ls_dir('../..', true, false)",
    "SELECT pg_read_binary_file('base/../../../../../../../etc/keddah/tls/tls.key')",
    "SELECT pg_read_binary_file(current_setting('data_directory') || '/../../../../../etc/keddah/app/uri')",
    f"CREATE TEMP TABLE found (line text); COPY found FROM '{TLS}/tls.key'",
    "CREATE TEMP TABLE found (line text); COPY found FROM PROGRAM 'env'",
    "SELECT pg_ls_tmpdir()",
    "SELECT rolpassword FROM pg_authid",
    "SET log_directory = '/etc/keddah'",
    "ALTER SYSTEM SET log_directory = '/etc/keddah'",
    "SET ROLE postgres",
    "SET ROLE pg_read_server_files",
    "CREATE SCHEMA of_its_own",
    "CREATE TABLE public.of_its_own (a int)",
    "CREATE DATABASE of_its_own",
)
ATTRIBUTES = """
SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
    (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r WHERE rolname = 'replicator'
"""


@pytest.fixture
def stranger(cluster: Cluster, trio: Database) -> Iterator[str]:
    """Give a pod beside the database that knows the password of the role."""
    client_pod(cluster, trio.namespace)
    yield CLIENT
    cluster.rest.delete("Pod", trio.namespace, CLIENT).expect()


def connect(trio: Database, pod: str, login: str, statement: str) -> Output:
    """Log in as the role to the primary, from a pod."""
    addresses = {each["metadata"]["name"]: each["status"]["podIP"] for each in trio.pods()}
    where = WHERE.format(address=addresses[trio.primary()])
    password = trio.secret("replication")["password"]
    command = ("env", f"PGPASSWORD={password}", "psql", "-XAtc", statement, f"{where} {login}")
    return trio.cluster("--namespace", trio.namespace, "exec", pod, "--", *command)


def shown(trio: Database, pod: str, login: str, statement: str, pair: Pair) -> str:
    """Give what a server says to somebody who shows this certificate, and is not let in."""
    for name, text in (("crt", pair.crt), ("key", pair.key)):
        write = ("sh", "-c", f"umask 077; cat > /tmp/forged.{name}")
        trio.cluster.good("--namespace", trio.namespace, "exec", "-i", pod, "--", *write, stdin=text)
    refused = connect(trio, pod, f"{login} sslcert=/tmp/forged.crt sslkey=/tmp/forged.key", statement)
    assert refused.code != 0
    return refused.err


def test_the_password_without_a_certificate_of_the_database_opens_nothing(
    trio: Database, stranger: str
) -> None:
    for login, statement in ((SQL, "SELECT 1"), (REPLICATION, "IDENTIFY_SYSTEM")):
        assert connect(trio, trio.standbys()[0], f"{login} {PAIR}", statement).code == 0
        refused = connect(trio, stranger, login, statement)
        assert refused.code != 0
        assert "requires a valid client certificate" in refused.err
        # Of an authority that has the name of the database's, and is another.
        now = datetime.now(UTC)
        keys = DatabaseKeys.generate(trio.name, now=now, entropy=secrets.token_bytes)
        forged = issue_client(keys.authority, "replicator", now=now, entropy=secrets.token_bytes)
        assert "unknown ca" in shown(trio, stranger, login, statement, forged)
        # Of the authority itself, which signs for the controller and for backups too.
        real = DatabaseKeys.decode(trio.child("Secret", "trio-keys")["data"]).authority
        for name in ("keddah", "replicator", "trio-repository"):
            other = issue_client(real, name, now=now, entropy=secrets.token_bytes)
            refusal = shown(trio, stranger, login, statement, other)
            assert "certificate authentication failed for user" in refusal


def test_a_member_reads_no_file_but_those_of_the_data_directory(trio: Database) -> None:
    member = trio.standbys()[0]

    def attempt(statement: str) -> Output:
        return connect(trio, member, f"{SQL} {PAIR}", statement)

    attempts = [f"SELECT {each.format(file=file)}" for file in SECRETS for each in FUNCTIONS]
    for statement in (*attempts, *OTHERS):
        refused = attempt(statement)
        assert refused.code != 0, f"{statement}: {refused.out}"
        assert any(words in refused.err for words in REFUSED), f"{statement}: {refused.err}"
    assert attempt("SELECT pg_read_binary_file('PG_VERSION')").code == 0
    assert attempt(ATTRIBUTES).out.strip() == "f|f|f|t|f|0"


def test_a_copy_of_the_data_directory_holds_no_secret_in_clear(trio: Database) -> None:
    wanted = [trio.secret(name)["password"] for name in ("app", "superuser", "replication")]
    wanted.append(trio.secret("tls")["tls.key"].splitlines()[1])
    program = (
        'bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/pg_basebackup | head -1)");'
        ' "$bin/pg_basebackup" -D - -F tar -X none -c fast --no-manifest -d "$0" | grep -aFc -f /tmp/wanted'
    )
    member = trio.standbys()[0]
    addresses = {each["metadata"]["name"]: each["status"]["podIP"] for each in trio.pods()}
    where = f"{WHERE.format(address=addresses[trio.primary()])} {PAIR} password={wanted[2]}"
    inside = ("--namespace", trio.namespace, "exec", "-i", member, "--")
    trio.cluster.good(*inside, "sh", "-c", "umask 077; cat > /tmp/wanted", stdin="\n".join(wanted))
    try:
        # It finds what is there.
        assert trio.execute(member, "sh", "-c", "grep -aFc -f /tmp/wanted /tmp/wanted").out.strip() == "4"
        assert trio.execute(member, "sh", "-c", program, where, seconds=120).out.strip() == "0"
    finally:
        trio.execute(member, "sh", "-c", "rm /tmp/wanted")
