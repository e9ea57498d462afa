"""What a new database's first instance is told: whose archive to read, and up to which moment."""

from __future__ import annotations

from dataclasses import replace

from msgspec import UNSET

from controller.desired import names
from controller.desired.child import child
from controller.desired.instances.patroni import data_directory
from controller.desired.repository.settings import s3_repository
from controller.desired.restore import COMPONENT
from controller.desired.restore.pod import AUTHORITY, CREDENTIALS, ENCRYPTION_KEY, TLS
from controller.kube.objects import Manifest
from controller.protocol.settings import REQUEST, RESTORE_DIRECTORY, RestoreRequest, S3Repository, Settings
from schemas.api.backup import Restore
from schemas.api.types import PostgreSQLDatabase

SERVER = "settings.json"
"""Entry of the ConfigMap for the server of a deleted source's volume."""

_UNKNOWN = "unknown"
"""The archive's name until it has been found; it is not used."""


def of_database(
    db: PostgreSQLDatabase, restore: Restore, source: Settings, *, host: str = "", whole: bool = False
) -> RestoreRequest:
    """Return the request to read another database's archive, of which these are the settings.

    `host` serves its volume, if its own server does not. `whole`: the archive reaches to the target.
    """
    place = source.repository
    if isinstance(place, S3Repository):
        place = _mounted(place)
    elif host:
        place = replace(place, host=host)
    declared = restore.from_.encryption
    named = declared is not UNSET and declared.secret is not UNSET
    key = ENCRYPTION_KEY if named else source.encryption_key_file
    read = replace(source, repository=place, encryption_key_file=key)
    return _request(db, restore, _reader(db, read), whole=whole)


def of_bucket(db: PostgreSQLDatabase, restore: Restore) -> RestoreRequest:
    """Return the request to read an archive of a bucket; nothing else is known of its database."""
    s3 = restore.from_.s3
    if s3 is UNSET:
        raise ValueError("the source is no bucket")
    place = _mounted(s3_repository(s3, db.metadata.namespace, db.metadata.name))
    named = s3.archive is not UNSET
    source = Settings(
        archive=str(s3.archive) if named else _UNKNOWN,
        data=data_directory(db),
        repository=place,
        encryption_key_file=ENCRYPTION_KEY if restore.from_.encryption is not UNSET else "",
    )
    return replace(_request(db, restore, _reader(db, source), whole=False), only_archive=not named)


def of_itself(own: Settings, to: str, aside: str, *, back: bool) -> RestoreRequest:
    """Return the request to restore a database in place, from what its own pods are told about its backups.

    `back`: to take the data back that was set aside under this suffix.
    """
    return RestoreRequest(source=own, time="" if back else to, whole=True, aside=aside, back=back)


def config_map(
    db: PostgreSQLDatabase,
    request: RestoreRequest,
    annotations: dict[str, str] | None = None,
    *,
    kept: bool = False,
) -> Manifest:
    """Return the ConfigMap with the request, and with what a server of the source's volume is told.

    `kept`: it outlives the object, as the volumes do whose data is being replaced. An object of that name
    goes on with it: to Patroni, whose note was taken away, those volumes are new.
    """
    data = {REQUEST: request.text(), SERVER: _server(request).text()}
    name = names.restore_request(db.metadata.name)
    body = {"data": data}
    return child(
        db, "v1", "ConfigMap", name, body=body, annotations=annotations, kept=kept, component=COMPONENT
    )


def _reader(db: PostgreSQLDatabase, source: Settings) -> Settings:
    """Return the settings with what this database's instances have mounted."""
    return replace(
        source,
        data=data_directory(db),
        members=(),
        tls=f"{RESTORE_DIRECTORY}/{TLS}",
        encryption_key_file=f"{RESTORE_DIRECTORY}/{ENCRYPTION_KEY}" if source.encryption_key_file else "",
    )


def _server(request: RestoreRequest) -> Settings:
    return replace(request.source, tls=f"{RESTORE_DIRECTORY}/{TLS}")


def _mounted(place: S3Repository) -> S3Repository:
    return replace(
        place,
        ca_file=f"{RESTORE_DIRECTORY}/{AUTHORITY}" if place.ca_file else "",
        credentials=f"{RESTORE_DIRECTORY}/{CREDENTIALS}" if place.credentials else "",
    )


def _request(db: PostgreSQLDatabase, restore: Restore, source: Settings, *, whole: bool) -> RestoreRequest:
    return RestoreRequest(
        source=source,
        time=restore.target_time or "",
        lsn=restore.target_lsn or "",
        name=restore.target_name or "",
        whole=whole,
        # With an empty one beside the data, the application would find nothing.
        database=str(db.spec.database),
    )
