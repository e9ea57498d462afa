"""Who may connect to an instance, and as whom: the lines of pg_hba.conf and pg_ident.conf."""

from __future__ import annotations

from typing import Final

from controller.certificates.pki import common_name
from controller.desired import names
from controller.kube.objects import Manifest
from controller.sessions import CONTROLLER, EXPORTER
from schemas.api.types import PostgreSQLDatabase

SUPERUSER: Final = "postgres"
REPLICATION: Final = "replicator"

_MEMBERS: Final = "members"
_CERTIFIED: Final = f"cert map={_MEMBERS}"


def demands_certificate(config: Manifest) -> bool:
    """Whether NAME-config, as it is, has members show their certificate."""
    annotations = (config.get("metadata") or {}).get("annotations") or {}
    return f"hostssl replication {REPLICATION} all {_CERTIFIED}" in annotations.get("config", "")


def host_based_authentication(db: PostgreSQLDatabase, *, certified: bool = True) -> list[str]:
    """Return the lines of pg_hba.conf: keddah's own, the user's, and a final one that requires SCRAM.

    The first line that matches decides, so nothing of the user's can open the superuser to the network or
    cut the standbys off. From the network all is `hostssl`: libpq, JDBC and most drivers use TLS when it is
    offered; a user who needs connections without it adds a `host` line.

    Whoever replicates can read all data: that takes the members' certificate, and no password that could be
    known for long (`certified`: all of them show it; until then it is the password).
    """
    member = _CERTIFIED if certified else "scram-sha-256"
    return [
        f"local all {SUPERUSER} peer",
        f"local replication {REPLICATION} peer map={_MEMBERS}",
        f"hostssl replication {REPLICATION} all {member}",
        # pg_rewind reads the new primary's files through an ordinary connection to this database.
        f"hostssl postgres {REPLICATION} all {member}",
        # No password opens it: whoever has a certificate of this name has the key of the database's CA.
        f"hostssl all {CONTROLLER} all cert",
        # The user of that name, who is in the exporter's container alone, by the socket.
        f"local all {EXPORTER} peer",
        f"host all {SUPERUSER},{REPLICATION},{CONTROLLER},{EXPORTER} all reject",
        *db.spec.hba,
        "local all all scram-sha-256",
        "hostssl all all all scram-sha-256",
    ]


def identities(db: PostgreSQLDatabase) -> list[str]:
    """Return the lines of pg_ident.conf: who may replicate, by certificate, and inside the pod."""
    host = common_name(names.host(db.metadata.name, db.metadata.namespace))
    return [f'{_MEMBERS} "{host}" {REPLICATION}', f"{_MEMBERS} {SUPERUSER} {REPLICATION}"]
