"""The Secrets: the database's own CA and seed, the roles' credentials, the server's certificate.

All passwords follow from the seed, so that a Secret deleted by accident comes back with the password that
fits the data.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from controller.certificates.certificate import Pair
from controller.certificates.pki import DatabaseKeys
from controller.desired import names, patroni
from controller.desired.child import Manifest, child
from controller.desired.services import POSTGRESQL_PORT
from schemas.types import PostgreSQLDatabase


def secrets(db: PostgreSQLDatabase, keys: DatabaseKeys, server: Pair) -> tuple[Manifest, ...]:
    """Return all Secrets of a database, the one with the keys first: it must exist before any other.

    `server` is issued for `server_names`, and is a client certificate, too, for requests between members.
    """
    name = db.metadata.name
    tls = {"tls.crt": server.crt, "tls.key": server.key, "ca.crt": keys.trusted}
    return (
        keys_secret(db, keys),
        _login(db, names.superuser_secret(name), patroni.SUPERUSER, keys.password("superuser")),
        _login(db, names.replication_secret(name), patroni.REPLICATION, keys.password("replication")),
        _secret(db, names.tls_secret(name), "kubernetes.io/tls", tls),
        app_secret(db, keys.password("app"), keys.trusted),
    )


def server_names(db: PostgreSQLDatabase) -> tuple[str, ...]:
    """Return the host names that a server certificate is issued for; the first is its common name."""
    name, namespace = db.metadata.name, db.metadata.namespace
    services = (names.primary_service(name), names.standby_service(name))
    endings = (f".{namespace}.svc", "", f".{namespace}", f".{namespace}.svc.cluster.local")
    hosts = tuple(service + ending for ending in endings for service in services)
    return (*hosts, f"*.{names.pods_service(name)}.{namespace}.svc", "localhost")


def keys_secret(db: PostgreSQLDatabase, keys: DatabaseKeys) -> Manifest:
    """Return the Secret that all others are derived from; only the controller reads it."""
    body: Manifest = {"type": "Opaque", "data": keys.encode()}
    return child(db, "v1", "Secret", names.keys_secret(db.metadata.name), body=body, kept=True)


def app_secret(db: PostgreSQLDatabase, password: str, authority: str) -> Manifest:
    """Return the Secret for applications: connection parameters, and connection strings made of them.

    It has the CA to verify the server: NAME-tls has it too, but with a key that Patroni trusts.
    """
    user, database = db.spec.owner, db.spec.database
    host = names.host(db.metadata.name, db.metadata.namespace)
    address = f"{host}:{POSTGRESQL_PORT}/{_encoded(database)}"
    data = {
        "username": user,
        "password": password,
        "host": host,
        "port": str(POSTGRESQL_PORT),
        "dbname": database,
        "uri": f"postgresql://{_encoded(user)}:{_encoded(password)}@{address}?sslmode=require",
        "jdbc-uri": f"jdbc:postgresql://{address}"
        f"?user={_encoded(user)}&password={_encoded(password)}&sslmode=require",
        "pgpass": ":".join(_escaped(part) for part in (host, str(POSTGRESQL_PORT), database, user, password))
        + "\n",
        "ca.crt": authority,
    }
    return _secret(db, names.app_secret(db.metadata.name), "kubernetes.io/basic-auth", data)


def _login(db: PostgreSQLDatabase, name: str, user: str, password: str) -> Manifest:
    return _secret(db, name, "kubernetes.io/basic-auth", {"username": user, "password": password})


def _secret(db: PostgreSQLDatabase, name: str, kind: str, data: dict[str, str]) -> Manifest:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return child(db, "v1", "Secret", name, body={"type": kind, "data": encoded}, kept=True)


def _encoded(text: str) -> str:
    """Return a text as part of a URI (RFC 3986; libpq, Connection URIs)."""
    return quote(text, safe="")


def _escaped(text: str) -> str:
    r"""Return a field of a password file: `:` and `\` are escaped (libpq, The Password File)."""
    return text.replace("\\", "\\\\").replace(":", "\\:")
