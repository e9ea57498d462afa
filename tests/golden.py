"""What keddah makes of each sample, to be read and compared: `python -m tests.golden` writes it anew."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from controller.certificates.certificate import Pair
from controller.certificates.pki import DatabaseKeys
from controller.desired import manifests, secrets
from deploy.generate.document import documents
from schemas import defaults
from schemas.admit import admit
from schemas.types import decode
from tests.factory import policy

SAMPLES = Path(__file__).parents[1] / "deploy" / "samples"
GOLDEN = Path(__file__).parent / "unit" / "golden"
TODAY = date(2026, 1, 1)


def sample(name: str) -> dict[str, Any]:
    """Return a sample, as if applied to the namespace `shop`."""
    manifest: dict[str, Any] = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    manifest["metadata"] |= {"namespace": "shop", "uid": f"uid-of-{manifest['metadata']['name']}"}
    return manifest


def children(name: str) -> str:
    """Return every child of a sample as YAML, keys and certificates aside."""
    db = decode(defaults.completed(sample(name), policy()))
    release = policy().release(str(db.spec.version))
    image = release.image if release else "none"
    replicas = db.spec.replicas if isinstance(db.spec.replicas, int) else 1
    keys = DatabaseKeys("a certificate", "a key", b"a seed")
    return documents(
        (
            *(_readable(secret) for secret in secrets(db, keys, Pair("a certificate", "a key"))),
            *manifests(db, image, instances=replicas, operator_namespace="keddah-system"),
        )
    )


def _readable(secret: dict[str, Any]) -> dict[str, Any]:
    """Return a Secret as a reviewer wants to see it."""
    plain = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    return {**{key: value for key, value in secret.items() if key != "data"}, "stringData": plain}


def verdict(name: str) -> str:
    """Return what admission says of a sample, one line each."""
    found = admit(defaults.completed(sample(name), policy()), None, policy=policy(), today=TODAY)
    refused = [f"{violation}\n" for violation in found.violations]
    return "".join([*refused, *(f"warning: {text}\n" for text in found.warnings)])


def files() -> dict[str, str]:
    """Return every golden file's text by name."""
    accepted = ("small", "full")
    return {
        **{f"{name}.yaml": children(name) for name in accepted},
        **{f"{name}.txt": verdict(name) for name in (*accepted, "mistakes")},
    }


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in files().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
