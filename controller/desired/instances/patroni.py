"""Patroni's configuration: the file that a pod starts with, and the part that changes while it runs.

The file (`static`) is read when a container starts, so a change of it must restart pods. All that can be
changed at runtime is in the dynamic configuration (`dynamic`), which Patroni reads from the annotation
`config` of the ConfigMap that it keeps its state in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import yaml

from controller.desired import labels, names
from controller.desired.child import child
from controller.desired.instances.authentication import (
    REPLICATION,
    SUPERUSER,
    host_based_authentication,
    identities,
)
from controller.desired.instances.parameters import TLS_DIRECTORY, parameters
from controller.desired.instances.services import PATRONI_PORT, POSTGRESQL_PORT
from controller.desired.restore import requested
from controller.kube.objects import Manifest
from controller.protocol.logs import ENTRY
from controller.protocol.settings import REQUEST, RESTORE_DIRECTORY
from schemas.api.types import PostgreSQLDatabase, Synchronous

FILE: Final = "patroni.yml"
SOCKET_DIRECTORY: Final = "/run/postgresql"

_VOLUME = "/var/lib/postgresql"
_CERTIFICATE = f"{TLS_DIRECTORY}/tls.crt"
_KEY = f"{TLS_DIRECTORY}/tls.key"
_CA = f"{TLS_DIRECTORY}/ca.crt"


# The C implementation if PyYAML has it: dumping this file took most of the time of a plan.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def configuration(
    db: PostgreSQLDatabase,
    *,
    instances: int = 1,
    members: int = 1,
    volume: int | None = None,
    paused: bool = False,
    file: str | None = None,
    archiving: bool = False,
    starts: Mapping[str, str] | None = None,
    issued: bool = False,
    certified: bool = True,
) -> Manifest:
    """Return the ConfigMap that both parts live in; it stays when the database is deleted.

    `patronictl pause` is one more entry of the dynamic part, at its end. `file` is the static part, if the
    pods are still to be started with an older one.
    """
    name = db.metadata.name
    settings = dynamic(
        db,
        instances,
        members,
        volume,
        archiving=archiving,
        starts=starts,
        issued=issued,
        certified=certified and shows_certificate(file),
    )
    settings |= {"pause": True} if paused else {}
    return child(
        db,
        "v1",
        "ConfigMap",
        names.config(name),
        body={"data": {FILE: static(db) if file is None else file, ENTRY: db.spec.logging}},
        annotations={"config": _compact(settings)},
        extra_labels=labels.patroni(name),
        kept=True,
    )


def digest(file: str) -> str:
    """Return the digest of patroni.yml by which a pod template tells with which one its pods start."""
    return hashlib.sha256(file.encode()).hexdigest()[:16]


def major(db: PostgreSQLDatabase) -> str:
    """Return the major version of a completed database: `17` of `17.6`."""
    return str(db.spec.version).partition(".")[0]


def data_directory(db: PostgreSQLDatabase) -> str:
    """Return PGDATA: one folder for each major version, so that an upgrade has both on one volume."""
    return _data_directory(major(db))


def _data_directory(version: str) -> str:
    return f"{_VOLUME}/{version}/data"


def static(db: PostgreSQLDatabase) -> str:
    """Return patroni.yml; names, addresses and passwords of the pod come from its environment."""
    return _static(db.metadata.name, major(db), restored=requested(db), issued=has_issuer(db))


def has_issuer(db: PostgreSQLDatabase) -> bool:
    """Whether PostgreSQL is to show a certificate of an issuer that is not the database's own CA."""
    return bool(db.spec.tls and db.spec.tls.issuer_ref)


@lru_cache(maxsize=16)  # called twice in every plan: the pod template has its digest
def _static(name: str, version: str, *, restored: bool, issued: bool) -> str:
    document = {
        "scope": name,
        "log": {"level": "INFO", "deduplicate_heartbeat_logs": True},
        "restapi": {
            "listen": f"*:{PATRONI_PORT}",
            "certfile": _CERTIFICATE,
            "keyfile": _KEY,
            "cafile": _CA,
            # GET (the probes) needs no certificate; requests that change something need one of this CA.
            "verify_client": "optional",
        },
        # Members connect by IP address, which no certificate contains; the client certificate is what counts.
        "ctl": {"insecure": True, "certfile": _CERTIFICATE, "keyfile": _KEY},
        "kubernetes": _store(name),
        "bootstrap": {
            **(_RESTORE if restored else {}),
            "initdb": [
                "data-checksums",
                {"encoding": "UTF8"},
                # The builtin provider (PostgreSQL 17): the sort order does not depend on the image's libc.
                {"locale-provider": "builtin"},
                {"builtin-locale": "C.UTF-8"},
                {"locale": "C.UTF-8"},
                {"auth-host": "scram-sha-256"},
                {"auth-local": "peer"},
            ],
            "post_bootstrap": "keddah-post-bootstrap",
        },
        "postgresql": _server(version, _OF_ISSUER if issued else _VERIFIED),
    }
    return yaml.dump(document, Dumper=_DUMPER, sort_keys=False, width=1000)


_RESTORE: Final = {
    "method": "restore",
    # It ends when the data is recovered: Patroni starts it as that of a primary.
    "restore": {
        "command": f"keddah-backup restore --request={RESTORE_DIRECTORY}/{REQUEST}",
        "no_params": True,
    },
}
"""Where the first data comes from another database's backups (Patroni, Bootstrap)."""


def _store(name: str) -> dict[str, Any]:
    """Return the DCS configuration: ConfigMaps, because the endpoints controller would rewrite Endpoints."""
    return {
        "use_endpoints": False,
        "labels": {labels.DATABASE: name},
        "scope_label": labels.SCOPE,
        "role_label": labels.ROLE,
        "leader_label_value": "primary",
        "follower_label_value": "standby",
        "standby_leader_label_value": "primary",
    }


def shows_certificate(file: str | None) -> bool:
    """Whether members that start with this patroni.yml (None: this release's) show a certificate."""
    return file is None or f"sslcert: {_CERTIFICATE}" in file


_VERIFIED: Final = {"sslmode": "verify-ca", "sslrootcert": _CA}
_OF_ISSUER: Final = {"sslmode": "verify-ca", "sslrootcert": f"{TLS_DIRECTORY}/server-ca.crt"}
"""How members verify each other's servers. Where they may show an issuer's certificate, by a bundle of that
one's CA and their own: `ca.crt` alone says whose certificates Patroni and PostgreSQL take."""


def _server(version: str, verified: dict[str, str]) -> dict[str, Any]:
    login = {"username": REPLICATION, **verified, "sslcert": _CERTIFICATE, "sslkey": _KEY}
    return {
        "listen": f"*:{POSTGRESQL_PORT}",
        "bin_dir": f"/usr/lib/postgresql/{version}/bin",
        "data_dir": _data_directory(version),
        "pgpass": "/tmp/pgpass",  # noqa: S108 - the pod's own volume
        "use_unix_socket": True,
        "use_unix_socket_repl": True,
        "create_replica_methods": ["basebackup"],
        # Otherwise pg_basebackup waits for the next timed checkpoint, which may take minutes.
        # Nobody reads the manifest of a copy, and it is written to a temporary file of the primary, which a
        # user's `temp_file_limit` may forbid.
        "basebackup": [{"checkpoint": "fast"}, "no-manifest"],
        "authentication": {
            "superuser": {"username": SUPERUSER},
            "replication": login,
            "rewind": dict(login),
        },
        "parameters": {"unix_socket_directories": SOCKET_DIRECTORY},
    }


def dynamic(
    db: PostgreSQLDatabase,
    instances: int = 1,
    members: int = 1,
    volume: int | None = None,
    *,
    archiving: bool = False,
    starts: Mapping[str, str] | None = None,
    issued: bool = False,
    certified: bool = True,
) -> dict[str, Any]:
    """Return the dynamic configuration (Patroni, Dynamic Configuration Settings).

    `instances` are there now, `members` may come back without any change of the spec. `certified`: all of
    them show their certificate to the primary.
    """
    return {
        # The shortest that Patroni allows: ttl >= loop_wait + 2 * retry_timeout, and ttl >= 20.
        "ttl": 20,
        "loop_wait": 5,
        "retry_timeout": 5,
        # Without synchronous replication only: with it, what was acknowledged decides (images/patroni/ha.py).
        "maximum_lag_on_failover": 1048576,
        # A crashed primary fails over at once instead of recovering first.
        "primary_start_timeout": 0,
        # For how long the slot of a pod that is gone (scaled down) holds WAL: longer than a restart takes.
        "member_slots_ttl": 600,
        # DCS failsafe mode: without the API server the primary goes on while it reaches every member.
        "failsafe_mode": True,
        # An instance with an older timeline than the last primary's never becomes primary.
        "check_timeline": True,
        # The history is an annotation beside this one, which may be as large as admission allows
        # (schemas/extent.py): of 150 bytes a failover it must not fill the rest.
        "max_timelines_history": 200,
        **_SYNCHRONOUS[db.spec.synchronous],
        # A clean stop waits until the standbys have all WAL, after a bulk load over a slow network for
        # minutes. A primary that is killed instead has lost nothing acknowledged, and is rewound. Patroni
        # observes this with synchronous replication only; a single instance has nobody to make room for.
        "primary_stop_timeout": 1 if instances > 1 else 0,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            # Neither remove_data_directory_on_rewind_failure nor ..._on_diverged_timelines: a standby that
            # cannot be rewound reports it, and is cloned again by the one rule for all data that is useless
            # (plan/instances/rebuild.py).
            "parameters": parameters(db, members, volume, archiving=archiving, starts=starts, issued=issued),
            "pg_hba": host_based_authentication(db, certified=certified),
            "pg_ident": identities(db),
        },
    }


_SYNCHRONOUS: dict[Synchronous, dict[str, Any]] = {
    "Quorum": {"synchronous_mode": "quorum", "synchronous_mode_strict": False},
    "Strict": {"synchronous_mode": "quorum", "synchronous_mode_strict": True},
    "Off": {"synchronous_mode": False, "synchronous_mode_strict": False},
}


def _compact(document: dict[str, Any]) -> str:
    """Return JSON in Patroni's own format, so that it writes the same annotation as we do."""
    return json.dumps(document, separators=(",", ":"))
