"""What an instance mounts to be restored: the request, and what its source's repository is reached with.

Everything is optional, and goes when the database is restored: the pod template stays as it is.
"""

from __future__ import annotations

from typing import Final

from controller.desired import names
from controller.desired.repository import enabled
from controller.desired.repository.pod import RUN_VOLUME
from controller.desired.restore import requested
from controller.kube.objects import Manifest
from controller.protocol.settings import REQUEST, RESTORE_DIRECTORY, RUN_DIRECTORY
from schemas.api.types import PostgreSQLDatabase

VOLUME: Final = "restore"
TLS: Final = "tls"
CREDENTIALS: Final = "credentials"
AUTHORITY: Final = "authority/ca.crt"
ENCRYPTION_KEY: Final = "encryption/key"
FILES: Final = {
    "ca.crt": f"{TLS}/ca.crt",
    "tls.crt": f"{TLS}/tls.crt",
    "tls.key": f"{TLS}/tls.key",
    "accessKeyId": f"{CREDENTIALS}/accessKeyId",
    "secretAccessKey": f"{CREDENTIALS}/secretAccessKey",
    "authority.crt": AUTHORITY,
    "encryption.key": ENCRYPTION_KEY,
}
"""Entries of the Secret NAME-source, and where they are in a pod."""

_SECRET_MODE: Final = 0o440
"""For the pod's group: the programs refuse keys that are open to others."""


def volumes(db: PostgreSQLDatabase) -> list[Manifest]:
    """Return the volumes: with backups, a database may be restored in place, too."""
    if not requested(db) and not enabled(db):
        return []
    # The tool's configuration, with secrets in it: with backups of its own, the database has one anyway.
    run = {"name": RUN_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
    return [projected(db.metadata.name, VOLUME, REQUEST, REQUEST), *([] if enabled(db) else [run])]


def mounts(db: PostgreSQLDatabase) -> list[Manifest]:
    """Return their mounts."""
    if not requested(db) and not enabled(db):
        return []
    run = {"name": RUN_VOLUME, "mountPath": RUN_DIRECTORY}
    request = {"name": VOLUME, "mountPath": RESTORE_DIRECTORY, "readOnly": True}
    return [request, *([] if enabled(db) else [run])]


def projected(name: str, volume: str, entry: str, file: str) -> Manifest:
    """Return a volume with an entry of the ConfigMap NAME-restore, as this file, and the Secret."""
    items = [{"key": key, "path": path} for key, path in FILES.items()]
    return {
        "name": volume,
        "projected": {
            "defaultMode": _SECRET_MODE,
            "sources": [
                {
                    "configMap": {
                        "name": names.restore_request(name),
                        "items": [{"key": entry, "path": file}],
                        "optional": True,
                    }
                },
                {"secret": {"name": names.source(name), "items": items, "optional": True}},
            ],
        },
    }
