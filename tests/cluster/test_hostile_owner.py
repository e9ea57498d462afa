"""The owner of a database lays traps for superusers, who walk into none; and no password is told in clear.

Both are attacks that another operator fell for in 2026: an operator of the owner's in `public` was executed
by a superuser's probe, and passwords were sent by ALTER ROLE as they are.
"""

from __future__ import annotations

import re
from functools import partial

import pytest

from controller.desired import names
from controller.sessions import options
from tests.clusters import OPERATOR, POLL, Cluster
from tests.databases import Database
from tests.kubectl import Output
from tests.restores import annotate, backups
from tests.rounds import Rounds
from tests.traps import MARK, PREPARATION, traps
from tests.waiting import until

RARELY = "0 0 29 2 *"
LOGGED = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_transaction_sample_rate": "1",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.track_utility": "on",
}
"""All that a user can have written down."""
PINNED = ("env", f"PGOPTIONS={options(superuser=True)}", "psql", "-X", "-v", "ON_ERROR_STOP=1", "-At")
OWNER = 'PGPASSWORD=$(cat /etc/keddah/app/password) psql -X -v ON_ERROR_STOP=1 -qo /dev/null -U app -d "$0"'
LAID_IN = ("postgres", "template1", "app")
"""Where Patroni and pgBackRest connect to, where a server in single-user mode does, and the owner's own."""
SCHEMAS = ("public", "postgres")
"""All that the default search_path names for the superuser: `"$user", public`."""
REFUSED = (
    "CREATE EVENT TRIGGER trap ON login EXECUTE FUNCTION pg_catalog.now()",
    "ALTER DATABASE {name} SET session_preload_libraries = 'trap'",
    "ALTER DATABASE {name} SET event_triggers = on",
    "ALTER DATABASE {name} SET log_statement = 'none'",
    "ALTER ROLE postgres SET search_path = public",
    "ALTER ROLE replicator SET search_path = public",
    "ALTER ROLE ALL SET search_path = public",
    "ALTER SYSTEM SET search_path = public",
)
SETTINGS = (
    "role = 'app'",
    "default_transaction_read_only = on",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "statement_timeout = 1",
    "idle_session_timeout = 1",
)
"""What an owner may set for all who connect to a database, and would have an operator fail by."""
CONTROL = "control"
"""application_name of a superuser's session without our settings, which does walk into them."""
ASKED = "SELECT count(*) FROM pg_stat_activity WHERE now() > 'epoch' AND NOT pg_is_in_recovery()"
CAUGHT = """SELECT DISTINCT concat_ws(' ', what, session, who, application) FROM trap.executed
    WHERE session <> 'app' AND application <> 'control'"""
WALKED_IN = "SELECT count(*) > 3 FROM trap.executed WHERE application = 'control'"
LINE = re.compile(rf"{MARK}: .* by (?!app as app )\w+ as \w+ in (?!{CONTROL}\b).*")
SHOWN = """
for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file; echo; done | grep -v 'ON_ERROR_STOP=1 -Atc'
psql -X -Atc 'SELECT query FROM pg_catalog.pg_stat_activity'
"""
"""What is running, less the application that tests play."""
DECLARED = {
    "databases": [{"name": "app", "schemas": [{"name": "audit"}], "extensions": ["citext"]}],
    "roles": [{"name": "reader", "grants": [{"database": "app", "access": "Read"}]}],
}
"""What has the controller connect, to the owner's database too."""
KILL = "kill -KILL $(cat /proc/1/task/1/children)"
DATA = "/var/lib/postgresql/18/data"


class Onlookers(Rounds):
    """Watches the processes and statements of a database's first instance from its beginning on."""

    def __init__(self, database: Database) -> None:
        super().__init__("onlookers", every=0.2)
        self._database = database
        self.seen: set[str] = set()

    def look(self) -> None:
        """Look at what runs, if anything does yet."""
        pinned = f"PGOPTIONS={options(superuser=True)}"
        done = self._database.execute(f"{self._database.name}-0", "env", pinned, "sh", "-c", SHOWN)
        self.seen.update(done.out.splitlines())


class Logs:
    """What every container of a namespace has logged, those included that are gone."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self.lines: set[str] = set()

    def collect(self) -> None:
        """Read them all, to be done before a pod is deleted."""
        within = ("--namespace", self._namespace)
        for pod in self._cluster.good(*within, "get", "pods", "-o", "name").split():
            for which in ("--previous=false", "--previous"):
                found = self._cluster(*within, "logs", pod, "--all-containers", "--timestamps", which)
                self.lines.update(found.out.splitlines())


def superuser(database: Database, statement: str, name: str = "postgres", pod: str = "") -> str:
    """Run a statement as a superuser who knows what owners do."""
    done = database.execute(pod or database.primary(), *PINNED, "-d", name, "-c", statement)
    assert done.code == 0, f"{statement}: {done.err}"
    return done.out.strip()


def owner(database: Database, name: str, script: str) -> Output:
    """Run a script as the owner."""
    inside = ("--namespace", database.namespace, "exec", "-i", database.primary(), "--container=postgres")
    return database.cluster(*inside, "--", "sh", "-c", OWNER, name, stdin=script, seconds=180)


def lay(database: Database) -> None:
    """Have the owner lay the traps, and see that they work."""
    for name in LAID_IN:
        superuser(database, f"ALTER DATABASE {name} OWNER TO app")
        script = PREPARATION + "".join(map(traps, SCHEMAS))
        script += f'ALTER DATABASE {name} SET search_path = "$user", public, pg_catalog;'
        laid = owner(database, name, script)
        assert laid.code == 0, laid.err
        for statement in REFUSED:
            refused = owner(database, name, statement.format(name=name))
            assert "ermission denied" in refused.err or "ust be superuser" in refused.err, refused
        done = database.execute(
            database.primary(), "env", f"PGAPPNAME={CONTROL}", "psql", "-X", "-d", name, "-c", ASKED
        )
        assert done.code == 0, done.err
        assert superuser(database, WALKED_IN, name) == "t"
    script = "".join(f"ALTER DATABASE {name} SET {each};" for name in LAID_IN[:-1] for each in SETTINGS)
    done = owner(database, "app", script)
    assert done.code == 0, done.err


def walk(database: Database, logs: Logs) -> None:
    """Have everything happen that makes the controller, Patroni, pgBackRest and their tools connect."""
    count = backups(database)
    annotate(database, backup_now="trapped")
    database.change(parameters=LOGGED | {"work_mem": "8MB"}, **DECLARED)
    until(lambda: backups(database) > count, 120, database.story, POLL)
    database.until_condition("Provisioned", "AsDeclared", 90)
    database.settled()
    database.switch_over(database.standbys()[0])
    # A standby that goes its own way is rewound.
    [standby] = database.standbys()
    database.execute(standby, *PINNED, "-c", "SELECT pg_promote()", "-c", "CREATE TABLE own AS SELECT 1")
    rewound = partial(database.cluster, "--namespace", database.namespace, "logs", standby)
    until(lambda: "pg_rewind exit code=0" in rewound().out, 90, database.story, POLL)
    database.settled()
    logs.collect()
    # A primary that crashes recovers in single-user mode before it follows.
    database.execute(database.primary(), "sh", "-c", KILL)
    until(lambda: database.status().get("primary") == standby, 60, database.story, POLL)
    database.settled()
    logs.collect()
    # A standby is copied.
    [standby] = database.standbys()
    inode = ("stat", "-c", "%i", f"{DATA}/PG_VERSION")
    before = database.execute(standby, *inode).out
    tool = ("patronictl", "-c", "/etc/patroni/patroni.yml", "reinit", database.name, standby, "--force")
    assert database.execute(standby, *tool).code == 0
    until(lambda: database.execute(standby, *inode).out not in ("", before), 90, database.story, POLL)
    database.settled()
    logs.collect()
    database.cluster.good("--namespace", database.namespace, "delete", "pod", standby, seconds=90)
    database.settled()


def prove(database: Database) -> None:
    """Have the newest backup, which has the traps, restored and looked at."""
    count = backups(database)
    annotate(database, backup_now="with-traps")
    until(lambda: backups(database) > count, 120, database.story, POLL)
    annotate(database, verify_now="trapped")
    until(lambda: database.status()["backups"].get("lastVerifiedTime"), 180, database.story, POLL)


def executed(database: Database) -> list[str]:
    """Return what was executed by somebody who is neither the owner nor the control."""
    return [line for name in LAID_IN for line in superuser(database, CAUGHT, name).splitlines()]


def statements(database: Database) -> str:
    """Return what pg_stat_statements has seen on the primary since it was started."""
    made = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'"
    # The exporter's, made by keddah where the library is loaded.
    until(lambda: superuser(database, made) == "1", 60, database.story, POLL)
    return superuser(database, "SELECT query FROM public.pg_stat_statements")


def passwords(orders: Database, copy: Database) -> dict[str, str]:
    """Give all passwords, by what they are of."""
    kinds = ("app", "superuser", "replication")
    found = {f"{db.name}-{kind}": db.secret(kind)["password"] for db in (orders, copy) for kind in kinds}
    reader = names.role_secret(orders.name, "reader").removeprefix(f"{orders.name}-")
    return found | {reader: orders.secret(reader)["password"]}


@pytest.mark.minutes(6)
def test_no_superuser_walks_into_an_owners_traps_and_no_password_is_told(
    cluster: Cluster, namespace: str
) -> None:
    orders, copy = (Database(cluster, namespace, name) for name in ("orders", "copy"))
    logs = Logs(cluster, namespace)
    backup = {"verify": {"schedule": RARELY}}
    with Onlookers(orders) as onlookers:
        orders.apply(replicas=2, backupSchedule=RARELY, backup=backup, parameters=LOGGED).expect()
        orders.settled()
    told = [*onlookers.seen, statements(orders)]
    until(lambda: backups(orders) > 0, 180, orders.story, POLL)
    lay(orders)
    walk(orders, logs)
    prove(orders)
    logs.collect()
    with Onlookers(copy) as onlookers:
        restore = {"from": {"name": orders.name}}
        copy.apply(backupSchedule=RARELY, backup=backup, parameters=LOGGED, restore=restore).expect()
        copy.settled(240)
    told += [*onlookers.seen, statements(copy), statements(orders)]
    logs.collect()

    keddah = ("--namespace", OPERATOR, "logs", "--selector=app.kubernetes.io/name=keddah", "--tail=-1")
    everything = "\n".join([*told, *logs.lines, cluster.good(*keddah)])
    found = {
        "logged": [line for line in logs.lines if LINE.search(line)],
        "noted": executed(orders) + executed(copy),
        "told": [name for name, password in passwords(orders, copy).items() if password in everything],
    }
    assert found == {"logged": [], "noted": [], "told": []}
    # Whatever was executed or sent is there: the control, and what was sent instead of passwords.
    assert any(f"in {CONTROL}" in line for line in logs.lines)
    for role in ("app", "postgres", "replicator"):
        assert re.search(rf"ALTER ROLE \\?\"{role}\\?\" WITH .*PASSWORD 'SCRAM-SHA-256\$", everything), role
