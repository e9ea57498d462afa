"""The files of deploy/install, and an installation for a registry of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from controller.kube.objects import Manifest
from controller.report import reasons
from deploy.generate.admission import admission
from deploy.generate.controller import controller
from deploy.generate.document import GENERATED, documents
from deploy.generate.kustomization import kustomization
from deploy.generate.namespace import namespace
from deploy.generate.objects import DEFAULT_REGISTRY, VERSION
from deploy.generate.policy import CATALOGUE, policy, policy_text, read_catalogue
from deploy.generate.protection import protection
from deploy.generate.rbac import rbac
from deploy.generate.webhooks import webhooks
from schemas.crd.definition import crd

INSTALL = Path(__file__).parent / "install"
DATA = Path(__file__).parents[1] / "schemas" / "data"
REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
KUSTOMIZATION = "kustomization.yaml"

# In the order in which they are applied: whatever refers to something comes after it.
_FILES: Mapping[str, Callable[[], Iterable[Manifest]]] = {
    "namespace.yaml": lambda: (namespace(),),
    "crd.yaml": lambda: (crd(),),
    "rbac.yaml": rbac,
    "policy.yaml": lambda: (policy(),),
    "controller.yaml": controller,
    "webhooks.yaml": webhooks,
    "admission.yaml": admission,
    "protection.yaml": protection,
}


def install_files() -> dict[str, str]:
    """Return the text of every file of deploy/install by name."""
    files = {name: GENERATED + documents(objects()) for name, objects in _FILES.items()}
    return {**files, KUSTOMIZATION: GENERATED + documents([kustomization(list(_FILES))])}


def data_files() -> dict[str, str]:
    """Return the text of what schemas carries of the installation: the linter's default policy."""
    return {"policy.yaml": GENERATED + policy_text(read_catalogue(CATALOGUE), DEFAULT_REGISTRY, VERSION)}


def reference_files() -> dict[str, str]:
    """Return the text of the pages of documentation that follow from the code."""
    return {"reasons.md": reasons.page()}


def objects() -> tuple[Manifest, ...]:
    """Return every object of the installation, in the order to apply them."""
    return tuple(item for make in _FILES.values() for item in make())


def overlay_files(
    folder: Path,
    *,
    registry: str,
    tag: str,
    catalogue: Path | None = None,
    pull_secret: str = "",
    install: Path = INSTALL,
) -> dict[str, str]:
    """Return an overlay, to stand in `folder`, that takes all images from a registry.

    `catalogue` is the list of releases that the database image was built with, if it is another than the
    committed one. `pull_secret` names the Secret with which the registry is read.
    """
    releases = None if catalogue is None else read_catalogue(catalogue)
    patch = policy(releases, registry, tag, pull_secret)
    reference = os.path.relpath(install, folder)
    body = kustomization(
        [reference], registry=registry, tag=tag, patches=["policy.yaml"], pull_secret=pull_secret
    )
    return {"policy.yaml": documents([patch]), KUSTOMIZATION: documents([body])}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make the folder hold exactly these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in _present(folder, files) - set(files):
        (folder / stale).unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def differences(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Return what is missing, different, or there too much, one line each."""
    present = _present(folder, files)
    missing = [f"{name} is missing" for name in sorted(set(files) - present)]
    stale = [f"{name} is not generated any more" for name in sorted(present - set(files))]
    changed = [
        f"{name} is not what the code says"
        for name in sorted(present & set(files))
        if (folder / name).read_text(encoding="utf-8") != files[name]
    ]
    return missing + stale + changed


def _present(folder: Path, files: Iterable[str]) -> set[str]:
    suffixes = {Path(name).suffix for name in files}
    return {path.name for path in folder.glob("*") if path.suffix in suffixes}
