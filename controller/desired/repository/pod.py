"""Volumes and mounts by which a pod gets at the settings, the certificates and the repository.

There are three places: beside an instance's data (member), the server of a volume repository (repository),
and a Job that makes or reads backups (job).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET

from controller.desired import names, repository
from controller.desired.security import container_security
from controller.kube.objects import Manifest
from controller.protocol.settings import PORT, RUN_DIRECTORY, SETTINGS_FILE, VolumeRepository
from schemas.api.fields import ResourceRequirements
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.amounts import amount

Place: TypeAlias = Literal["member", "repository", "job"]

DIRECTORY: Final = SETTINGS_FILE.rpartition("/")[0]
SETTINGS: Final = SETTINGS_FILE.rpartition("/")[2]
"""Entry of NAME-backup, and the file that it is in a pod."""
CREDENTIALS: Final = f"{DIRECTORY}/credentials"
S3_AUTHORITY: Final = f"{DIRECTORY}/authority/ca.crt"
ENCRYPTION_KEY: Final = f"{DIRECTORY}/encryption/key"

CONTAINER: Final = "backup"
"""The container beside PostgreSQL by which Jobs reach an instance's data."""
SETTINGS_VOLUME: Final = "backup"
RUN_VOLUME: Final = "backup-run"

_PLACEMENT: Final = ("nodeSelector", "tolerations", "priorityClassName", "imagePullSecrets")
_SECRET_MODE: Final = 0o440
"""For the pod's group: the programs refuse keys that are open to others."""
_PATH: Final = VolumeRepository.path
_PART: Final = 30
_LEAST_CPU, _MOST_CPU = 2, 50
"""In thousandths of a processor; less than two is the same to Linux."""
_WAITING_CPU: Final = "10m"
_MEMBER_MOUNTS: Final = (("data", "/var/lib/postgresql"), ("run", "/run/postgresql"))
"""Of the instance's own volumes: its data, with the spool, and the socket."""


def volumes(db: PostgreSQLDatabase, place: Place) -> list[Manifest]:
    """Return the volumes that a pod needs in that place; the server's own comes of its claim template.

    All of a user's Secrets are optional: that one is missing is told by a condition, and keeps no pod from
    starting. What changes in any of them reaches the pods that run.
    """
    name = db.metadata.name
    found: list[Manifest] = [
        {
            "name": SETTINGS_VOLUME,
            "projected": {"defaultMode": _SECRET_MODE, "sources": _sources(db, place)},
        },
        # The tool's configuration, with the secrets in it: never on a disk.
        {"name": RUN_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    ]
    if place == "job" and repository.volume(db) is not None:
        claim = {"claimName": names.repository_claim(name)}
        found.append({"name": names.REPOSITORY_TEMPLATE, "persistentVolumeClaim": claim})
    return found


def shared_mounts() -> list[Manifest]:
    """Return the mounts of every container that runs the programs, PostgreSQL's own included."""
    return [
        {"name": SETTINGS_VOLUME, "mountPath": DIRECTORY, "readOnly": True},
        {"name": RUN_VOLUME, "mountPath": RUN_DIRECTORY},
    ]


def mounts(db: PostgreSQLDatabase, place: Place) -> list[Manifest]:
    """Return the mounts of a container that runs the programs in that place."""
    found = shared_mounts()
    if place == "member":
        found += [{"name": volume, "mountPath": path} for volume, path in _MEMBER_MOUNTS]
    elif repository.volume(db) is not None:
        found.append({"name": names.REPOSITORY_TEMPLATE, "mountPath": _PATH})
    return found


def sidecar(db: PostgreSQLDatabase, image: str) -> Manifest:
    """Return the container beside PostgreSQL: a server by which the Jobs reach the data.

    Its program never ends by itself, and has no probe: no trouble with backups makes an instance not ready.
    """
    return server_container(db, CONTAINER, image, "member")


def server_container(db: PostgreSQLDatabase, name: str, image: str, place: Place) -> Manifest:
    """Return the container of a server of backups, in an instance's pod or in the repository's own."""
    where = "member" if place == "member" else "repository"
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["keddah-backup", "serve", f"--place={where}"],
        # The root file system is read-only.
        "env": [{"name": "TMPDIR", "value": RUN_DIRECTORY}],
        "ports": [{"name": "backup", "containerPort": PORT, "protocol": "TCP"}],
        # What it needs while it waits. All WAL goes by way of the repository's, a backup by the members'.
        "resources": {
            "requests": {"cpu": processor(db) if place == "member" else _WAITING_CPU, "memory": "32Mi"}
        },
        "securityContext": container_security(),
        "volumeMounts": mounts(db, place),
    }


def processor(db: PostgreSQLDatabase) -> str:
    """Return what either end of a backup requests of a processor: a thirtieth of what an instance does.

    Where a node's processors are all busy, containers share them as they have requested: a backup must not
    slow the database down, and takes what is free.
    """
    return f"{min(_MOST_CPU, max(_LEAST_CPU, int(requested(db) * 1000 / _PART)))}m"


def requested(db: PostgreSQLDatabase) -> Decimal:
    """Return how many processors an instance requests."""
    declared, given = db.spec.resources, {}
    if isinstance(declared, ResourceRequirements):
        given = {
            **({} if declared.limits is UNSET else declared.limits),
            **({} if declared.requests is UNSET else declared.requests),
        }
    return amount(given.get("cpu")) or Decimal(0)


def placement(db: PostgreSQLDatabase) -> Manifest:
    """Return what of the user's template the pods of the repository and of Jobs need to run at all.

    Not its labels, nor how instances are spread: those are about the instances.
    """
    given: Manifest = {} if db.spec.template is UNSET else msgspec.to_builtins(db.spec.template)
    return {name: value for name, value in given.items() if name in _PLACEMENT}


def has_sidecar(template: Manifest) -> bool:
    """Whether the pods of a template can archive: those from before there were backups cannot."""
    containers = (template.get("spec") or {}).get("containers") or []
    return any(each["name"] == CONTAINER for each in containers)


def encryption(db: PostgreSQLDatabase) -> tuple[str, str] | None:
    """Return the Secret with the encryption key and the key's entry there; None without encryption."""
    declared = db.spec.backup.repository.encryption
    if declared is UNSET:
        return None
    if declared.secret is UNSET:
        return names.encryption_secret(db.metadata.name), repository.GENERATED_KEY
    return declared.secret.name, declared.secret.key


@dataclass(frozen=True, slots=True)
class UsersSecret:
    """A Secret that somebody else makes, with the field that names it and the entries that it must have."""

    field: str
    name: str
    entries: tuple[str, ...]


def users_secrets(db: PostgreSQLDatabase) -> list[UsersSecret]:
    """Return the user's Secrets that the repository is opened with."""
    s3, encryption = repository.bucket(db), db.spec.backup.repository.encryption
    path, found = "backup.repository", []
    if s3 is not None and s3.credentials is not UNSET:
        entries = ("accessKeyId", "secretAccessKey")
        found.append(UsersSecret(f"{path}.s3.credentials", s3.credentials.name, entries))
    if s3 is not None and s3.ca_secret is not UNSET:
        found.append(UsersSecret(f"{path}.s3.caSecret", s3.ca_secret.name, (s3.ca_secret.key,)))
    if repository.enabled(db) and encryption is not UNSET and encryption.secret is not UNSET:
        secret = encryption.secret
        found.append(UsersSecret(f"{path}.encryption.secret", secret.name, (secret.key,)))
    return found


def _sources(db: PostgreSQLDatabase, place: Place) -> list[Manifest]:
    name, s3 = db.metadata.name, repository.bucket(db)
    tls = names.tls_secret(name) if place == "member" else names.repository_tls_secret(name)
    found: list[Manifest] = [
        {
            "configMap": {
                "name": names.backup_settings(name),
                "items": [{"key": SETTINGS, "path": SETTINGS}],
                "optional": True,
            }
        },
        _secret(tls, {entry: f"tls/{entry}" for entry in ("ca.crt", "tls.crt", "tls.key")}, optional=False),
    ]
    if s3 is not None and s3.credentials is not UNSET:
        entries = {entry: f"credentials/{entry}" for entry in ("accessKeyId", "secretAccessKey")}
        found.append(_secret(s3.credentials.name, entries))
    if s3 is not None and s3.ca_secret is not UNSET:
        found.append(_secret(s3.ca_secret.name, {s3.ca_secret.key: _within(S3_AUTHORITY)}))
    key = encryption(db)
    # A member has no use of the key of a volume repository: the server beside that encrypts.
    if key is not None and (s3 is not None or place != "member"):
        secret, entry = key
        found.append(_secret(secret, {entry: _within(ENCRYPTION_KEY)}))
    return found


def _secret(name: str, entries: dict[str, str], *, optional: bool = True) -> Manifest:
    items = [{"key": entry, "path": path} for entry, path in entries.items()]
    return {"secret": {"name": name, "items": items} | ({"optional": True} if optional else {})}


def _within(file: str) -> str:
    return file.removeprefix(f"{DIRECTORY}/")
