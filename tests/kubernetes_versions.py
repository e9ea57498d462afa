"""Whether Kubernetes 1.30 to 1.37 know all that we install and make: `python -m tests.kubernetes_versions`.

By the published schemas of each version, strictly: a field that one of them lacks is a mistake. What the
schemas cannot see (CEL, defaults, webhooks) the API server tier sees, with the newest version.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from controller.kube.kinds import CertificateMode
from deploy.manifests import objects
from tests.golden import GOLDEN

if TYPE_CHECKING:
    from tests.rest import Object

VERSIONS: Final = [f"1.{minor}" for minor in range(30, 38)]
_OTHERS: Final = ("cert-manager.io/",)
"""Whose definitions are not Kubernetes' own."""


def manifests() -> list[Object]:
    """Give all installed objects, in every mode, and all children of the samples, each content once."""
    found = [item for mode in CertificateMode for item in objects(mode)]
    found += objects(CertificateMode.CERT_MANAGER, ("shop",))
    for file in sorted(GOLDEN.glob("*.yaml")):
        found += [item for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]
    distinct = {repr(item): item for item in found}
    return [item for item in distinct.values() if not item["apiVersion"].startswith(_OTHERS)]


def mistakes(item: Object, version: str) -> str:
    """Return what a version finds wrong with an object, "" if nothing."""
    try:
        kubernetes_validate.validate(item, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        where = f"{item['kind']} {item['metadata']['name']}"
        return f"Kubernetes {version}: {where}: {type(error).__name__} {error}".splitlines()[0]
    return ""


def main() -> int:
    """Print every mistake; return how many there are."""
    items = manifests()
    found = [said for version in VERSIONS for item in items if (said := mistakes(item, version))]
    for said in found:
        print(said, file=sys.stderr)
    print(f"{len(items)} objects, Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}: {len(found)} mistakes")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
