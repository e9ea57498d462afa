"""What keddah, as installed, makes of each sample: `python -m tests.golden` writes it anew."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from controller.certificates.certificate import Pair
from controller.certificates.keys import DatabaseKeys
from controller.desired import backups, instances
from controller.desired.repository import children as repository
from controller.desired.repository import enabled, volume
from controller.desired.repository.settings import archive_name, settings
from controller.desired.secrets import secrets
from controller.kube.objects import Manifest
from deploy.generate.document import documents
from schemas.admit import admit
from schemas.api.types import PostgreSQLDatabase, decode
from schemas.lint.files import default_policy
from schemas.policy import defaults
from tests.pgdb import screens

SAMPLES = Path(__file__).parents[1] / "deploy" / "samples"
GOLDEN = Path(__file__).parent / "unit" / "golden"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sample(name: str) -> dict[str, Any]:
    """Return a sample, as if applied to the namespace `shop`."""
    manifest: dict[str, Any] = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    manifest["metadata"] |= {"namespace": "shop", "uid": f"uid-of-{manifest['metadata']['name']}"}
    return manifest


def children(name: str) -> str:
    """Return every child of a sample as YAML, keys and certificates aside."""
    db = decode(defaults.completed(sample(name), default_policy()))
    release = default_policy().release(str(db.spec.version))
    image = release.image if release else "none"
    replicas = db.spec.replicas if isinstance(db.spec.replicas, int) else 1
    pair = Pair("a certificate", "a key")
    keys = DatabaseKeys("a certificate", "a key", b"a seed")
    return documents(
        (
            *(_readable(secret) for secret in secrets(db, keys, pair, pair if enabled(db) else None)),
            *instances.children(
                db,
                image,
                instances=replicas,
                operator_namespace="keddah-system",
                maximum=default_policy().replicas.maximum,
            ),
            *_repository(db, image),
        )
    )


def _repository(db: PostgreSQLDatabase, image: str) -> tuple[Manifest, ...]:
    """Return what there is for backups, once there is data to back up."""
    if not enabled(db):
        return ()
    archive = archive_name(db.metadata.name, b"a seed", "7300000000000000001")
    common = (
        repository.configuration(db, settings(db, archive), {}),
        repository.account(db),
        backups.backup_cronjob(db, image, archive),
        backups.verify_cronjob(db, image, archive, 1),
    )
    if (on := volume(db)) is None:
        return common
    server = repository.statefulset(db, on, image, running=True)
    return (*common, repository.service(db), repository.network_policy(db), server)


def _readable(secret: dict[str, Any]) -> dict[str, Any]:
    """Return a Secret as a reviewer wants to see it."""
    plain = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    return {**{key: value for key, value in secret.items() if key != "data"}, "stringData": plain}


def verdict(name: str) -> str:
    """Return what admission says of a sample, one line each."""
    found = admit(defaults.completed(sample(name), default_policy()), None, policy=default_policy(), now=NOW)
    refused = [f"{violation}\n" for violation in found.violations]
    return "".join([*refused, *(f"warning: {text}\n" for text in found.warnings)])


def files() -> dict[str, str]:
    """Return every golden file's text by name."""
    accepted = ("small", "full")
    return {
        **{f"{name}.yaml": children(name) for name in accepted},
        **{f"{name}.txt": verdict(name) for name in (*accepted, "mistakes")},
        **screens(),
    }


if __name__ == "__main__":
    (GOLDEN / "pgdb").mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
