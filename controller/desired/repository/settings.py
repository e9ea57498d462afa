"""What the programs that back a database up are told, and the names that they know each other by."""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import UNSET

from controller.certificates.pki import common_name
from controller.desired import names
from controller.desired.instances.patroni import SOCKET_DIRECTORY, data_directory
from controller.desired.repository import bucket, enabled
from controller.desired.repository.pod import CREDENTIALS, ENCRYPTION_KEY, S3_AUTHORITY, encryption, requested
from controller.desired.secrets import server_names
from controller.protocol import settings as protocol
from schemas.api.backup import S3Repository
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes import duration

_SEED_CHARACTERS: Final = 8
_MOST_PROCESSES: Final = 8


def lineage(seed: bytes) -> str:
    """Return what of an archive's name follows from the seed of NAME-keys."""
    return hashlib.sha256(seed).hexdigest()[:_SEED_CHARACTERS]


def archive_name(name: str, seed: bytes, identifier: str) -> str:
    """Return the name of a database's archive within the repository, "" before the server is initialised.

    It names the data and its lineage, not the object: the system identifier tells a database that was made
    again under this name from the former one, and the seed, which is kept with the volumes and new for a
    copy, tells the copy from its source, whose identifier it has.
    """
    return archive_of(name, lineage(seed), identifier)


def archive_of(name: str, origin: str, identifier: str) -> str:
    """Return the same, given the lineage."""
    return f"{name}-{origin}-{identifier}" if identifier else ""


def settings(db: PostgreSQLDatabase, archive: str, members: int = 0) -> protocol.Settings:
    """Return the settings for all pods of a database that has backups.

    `archive` is "" as long as it has no name: then nothing is archived yet, and PostgreSQL keeps all WAL.
    `members` is how many instances there are, if they are more than there should be.
    """
    name, namespace = db.metadata.name, db.metadata.namespace
    backup, replicas = db.spec.backup, db.spec.replicas
    instances = max(members, replicas if isinstance(replicas, int) else 1)
    return protocol.Settings(
        archive=archive,
        data=data_directory(db),
        repository=_repository(db),
        members=tuple(names.pod_host(name, namespace, number) for number in range(instances)),
        clients=(common_name(server_names(db, "")[0]), common_name(repository_names(db)[0])),
        encryption_key_file=ENCRYPTION_KEY if encryption(db) else "",
        socket=SOCKET_DIRECTORY,
        processes=max(1, min(_MOST_PROCESSES, int(requested(db) / 2))),
        full_every_seconds=duration.seconds(backup.full_every),
        retention_days=backup.retention.days,
        database=f"{namespace}/{name}",
        logging=db.spec.logging,
    )


def repository_names(db: PostgreSQLDatabase) -> tuple[str, ...]:
    """Return the host names that the repository's certificate is issued for; the first is its common name.

    Jobs have the same certificate: it is one side of every connection, and the instances are the other.
    """
    return (names.repository_host(db.metadata.name, db.metadata.namespace),)


def s3_repository(s3: S3Repository, namespace: str, name: str) -> protocol.S3Repository:
    """Return how programs are told of a bucket; without a path it is the folder of the named database."""
    return protocol.S3Repository(
        bucket=s3.bucket,
        endpoint=s3.endpoint,
        path=f"/{namespace}/{name}" if s3.path is UNSET else s3.path,
        region=s3.region,
        addressing=s3.addressing,
        ca_file="" if s3.ca_secret is UNSET else S3_AUTHORITY,
        credentials="" if s3.credentials is UNSET else CREDENTIALS,
    )


def _repository(db: PostgreSQLDatabase) -> protocol.S3Repository | protocol.VolumeRepository:
    if not enabled(db):
        raise ValueError("a database without backups has no repository")
    name, namespace = db.metadata.name, db.metadata.namespace
    if (s3 := bucket(db)) is not None:
        return s3_repository(s3, namespace, name)
    return protocol.VolumeRepository(host=names.repository_host(name, namespace))
