"""The Secrets: the database's own CA and seed, the roles' credentials, the server's certificate.

All passwords follow from the seed, so that a Secret deleted by accident comes back with the password that
fits the data.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

from msgspec import UNSET

from controller.certificates.certificate import Pair
from controller.certificates.keys import DatabaseKeys
from controller.desired import labels, names
from controller.desired.access import login, main_database, own_secrets, password_purpose
from controller.desired.child import child
from controller.desired.instances import authentication
from controller.desired.instances.services import POSTGRESQL_PORT
from controller.desired.repository import GENERATED_KEY, enabled, generates_key
from controller.kube.objects import Manifest
from schemas.api.access import Role
from schemas.api.types import PostgreSQLDatabase

NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Shown:
    """The pair that PostgreSQL shows to clients, and the CAs (PEM) that they and the standbys verify it by.

    It is in NAME-tls, beside the pair that members show each other: so it comes to a pod in one piece, and
    what becomes of the issuer's Secret takes no certificate from a server.
    """

    pair: Pair
    authorities: str

    @property
    def entries(self) -> Mapping[str, str]:
        """Its entries in NAME-tls; `ca.crt` there is not the issuer's: it is for who may command Patroni."""
        return {"server.crt": self.pair.crt, "server.key": self.pair.key, "server-ca.crt": self.authorities}


def secrets(
    db: PostgreSQLDatabase,
    keys: DatabaseKeys,
    server: Pair,
    repository: Pair | None = None,
    shown: Shown | None = None,
) -> tuple[Manifest, ...]:
    """Return all Secrets of a database, the one with the keys first: it must exist before any other.

    `server` is issued for `server_names`, and is a client certificate, too, for requests between members;
    `repository` for the names of the repository, which are those of the Jobs as well; `shown` is what
    PostgreSQL shows to clients instead, if it does.
    """
    name, authority = db.metadata.name, shown.authorities if shown else keys.trusted
    return (
        keys_secret(db, keys),
        _login(db, names.superuser_secret(name), authentication.SUPERUSER, keys.password("superuser")),
        _login(db, names.replication_secret(name), authentication.REPLICATION, keys.password("replication")),
        _pair(db, names.tls_secret(name), server, keys, shown.entries if shown else {}),
        app_secret(db, keys, authority),
        *([_pair(db, names.repository_tls_secret(name), repository, keys)] if repository else []),
        *([_encryption(db, keys)] if generates_key(db) else []),
        *(_role(db, role, secret, keys, authority) for role, secret in own_secrets(db)),
    )


def wanted_secrets(db: PostgreSQLDatabase) -> tuple[str, ...]:
    """Name all Secrets that this database has."""
    name = db.metadata.name
    return (
        *names.secrets(name),
        *([names.repository_tls_secret(name)] if enabled(db) else []),
        *([names.encryption_secret(name)] if generates_key(db) else []),
        *(secret for _, secret in own_secrets(db)),
    )


def other_secrets(database: Manifest) -> tuple[str, ...]:
    """Name the Secrets of backups that a stored object declares, whether or not it is accepted."""
    spec, name = database.get("spec"), database["metadata"]["name"]
    if not isinstance(spec, dict) or spec.get("backupSchedule") == "":
        return ()
    found = [names.repository_tls_secret(name)]
    encryption = ((spec.get("backup") or {}).get("repository") or {}).get("encryption")
    if isinstance(encryption, dict) and "secret" not in encryption:
        found.append(names.encryption_secret(name))
    return tuple(found)


def _pair(
    db: PostgreSQLDatabase, name: str, pair: Pair, keys: DatabaseKeys, more: Mapping[str, str] = NOTHING
) -> Manifest:
    data = {"tls.crt": pair.crt, "tls.key": pair.key, "ca.crt": keys.trusted, **more}
    return _secret(db, name, "kubernetes.io/tls", data)


def _encryption(db: PostgreSQLDatabase, keys: DatabaseKeys) -> Manifest:
    """Return the generated key of an encrypted repository: lost, it comes back as the passwords do."""
    data = {GENERATED_KEY: keys.password("encryption")}
    return _secret(db, names.encryption_secret(db.metadata.name), "Opaque", data)


def server_names(db: PostgreSQLDatabase, cluster_domain: str) -> tuple[str, ...]:
    """Return the host names that a server certificate is issued for; the first is its common name.

    They are all under which DNS has the Services, and its pods, in a cluster of that domain, and the user's.
    """
    name, namespace = db.metadata.name, db.metadata.namespace
    services = (names.primary_service(name), names.standby_service(name))
    endings = (f".{namespace}.svc", "", f".{namespace}", f".{namespace}.svc.{cluster_domain}")
    hosts = tuple(service + ending for ending in endings for service in services)
    pods = f"*.{names.pods_service(name)}.{namespace}.svc"
    given = db.spec.tls.names if db.spec.tls else UNSET
    return (*hosts, pods, f"{pods}.{cluster_domain}", "localhost", *(given or ()))


def certificate(db: PostgreSQLDatabase, cluster_domain: str) -> Manifest | None:
    """Return the Certificate by which cert-manager has the issuer sign; None where no issuer is declared."""
    issuer = db.spec.tls.issuer_ref if db.spec.tls else UNSET
    if not issuer:
        return None
    name = names.server_certificate(db.metadata.name)
    hosts: list[str] = []
    addresses: list[str] = []
    for each in server_names(db, cluster_domain):
        (addresses if _is_address(each) else hosts).append(each)
    spec: Manifest = {
        "secretName": name,
        "dnsNames": hosts,
        **({"ipAddresses": addresses} if addresses else {}),
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["digital signature", "server auth"],
        "issuerRef": {"group": issuer.group, "kind": issuer.kind, "name": issuer.name},
    }
    return child(db, "cert-manager.io/v1", "Certificate", name, body={"spec": spec})


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def keys_secret(db: PostgreSQLDatabase, keys: DatabaseKeys) -> Manifest:
    """Return the Secret that all others are derived from; only the controller reads it."""
    body: Manifest = {"type": "Opaque", "data": keys.encode()}
    return child(db, "v1", "Secret", names.keys_secret(db.metadata.name), body=body, kept=True)


def keys_copy(
    db: PostgreSQLDatabase, keys: DatabaseKeys, operator: str, owners: Iterable[Manifest]
) -> Manifest:
    """Return the copy of NAME-keys in the operator's namespace, for when a namespace has lost its Secrets.

    Its owner is the database's namespace: it goes when that goes, even if nobody of ours is there to see it.
    """
    name, namespace = db.metadata.name, db.metadata.namespace
    metadata: Manifest = {
        "name": names.keys_copy(namespace, name),
        "namespace": operator,
        # Not the label of children: these are searched, selected and protected in the database's namespace.
        "labels": {"app.kubernetes.io/managed-by": "keddah", labels.COMPONENT: "keys-copy"},
        "annotations": {"keddah.dev/copy-of": f"{namespace}/{names.keys_secret(name)}"},
        "ownerReferences": list(owners),
    }
    body: Manifest = {"type": "Opaque", "data": keys.encode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **body}


def app_secret(db: PostgreSQLDatabase, keys: DatabaseKeys, authority: str) -> Manifest:
    """Return the Secret for applications: connection parameters, and connection strings made of them.

    It has the CA to verify the server: NAME-tls has it too, but with a key that Patroni trusts.
    """
    secret = names.app_secret(db.metadata.name)
    return _connection(db, secret, db.spec.owner, keys, db.spec.database, authority)


def _role(db: PostgreSQLDatabase, role: Role, secret: str, keys: DatabaseKeys, authority: str) -> Manifest:
    """Return the Secret of a role of spec.roles, with the keys that the application's has."""
    return _connection(db, secret, role.name, keys, main_database(db, role), authority)


def _connection(
    db: PostgreSQLDatabase, secret: str, role: str, keys: DatabaseKeys, database: str, authority: str
) -> Manifest:
    purpose = password_purpose(db, role)
    generation = keys.generation(purpose)
    user, password = login(role, generation), keys.password(purpose, generation)
    host = names.host(db.metadata.name, db.metadata.namespace)
    address = f"{host}:{POSTGRESQL_PORT}/{_encoded(database)}"
    data = {
        "username": user,
        "password": password,
        # Whose rights the login has, and what it makes belongs to.
        "role": role,
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
    return _secret(db, secret, "kubernetes.io/basic-auth", data)


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
