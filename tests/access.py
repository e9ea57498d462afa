"""Databases and roles of a database on a cluster: as its users and as its superuser see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.desired import names
from schemas.api.types import KIND

if TYPE_CHECKING:
    from tests.databases import Database

LOOKS = 60
"""Seconds from one look of a primary into its databases to the next (images/patroni/access.py)."""
QUOTED = 'Übersicht "Q4" o\'clock'
AS_ROLE = 'PGCONNECT_TIMEOUT=5 psql -X -v ON_ERROR_STOP=1 -Atc "$1" "$0"'
"""With the URI of a role's Secret, through the Service."""


def provisioned(database: Database, seconds: float = 60) -> None:
    """Wait until everything is as declared, by the newest generation."""
    database.until_condition("Provisioned", "AsDeclared", seconds)
    database.settled()


def query(database: Database, role: str, statement: str, dbname: str = "") -> str:
    """Run a statement as a role, with its Secret; give what it says, or the error."""
    secret = database.secret(names.role_secret(database.name, role).removeprefix(f"{database.name}-"))
    uri = secret["uri"] if not dbname else secret["uri"].replace(f"/{secret['dbname']}?", f"/{dbname}?")
    done = database.execute(database.pod_names()[0], "sh", "-c", AS_ROLE, uri, statement)
    return done.out.strip() if done.code == 0 else done.err.strip()


def inside(database: Database, statement: str, dbname: str = "app") -> str:
    """Run a statement as the superuser, over the socket of the primary."""
    command = ("psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", dbname, "-Atc", statement)
    done = database.execute(database.primary(), *command)
    assert done.code == 0, f"{statement}: {done.err}"
    return done.out.strip()


def annotate(database: Database, request: str) -> None:
    patch = {"metadata": {"annotations": {"keddah.dev/rotate-passwords": request}}}
    database.cluster.rest.merge(KIND, database.namespace, database.name, patch).expect()


def rotations(database: Database) -> dict[str, str]:
    """Give the logins that the status tells, of roles whose passwords were rotated."""
    return {each["name"]: each["login"] for each in database.status()["roles"] if "login" in each}
