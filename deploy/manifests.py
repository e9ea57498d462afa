"""The files of deploy/install, cert-manager and chart, and an installation for a registry of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from controller.report import reasons
from deploy.generate import cert_manager, chart
from deploy.generate.admission import admission
from deploy.generate.controller import controller
from deploy.generate.document import GENERATED, documents
from deploy.generate.kustomization import kustomization, layers
from deploy.generate.namespace import namespace, priority_class
from deploy.generate.objects import DEFAULT_REGISTRY, VERSION
from deploy.generate.policy import CATALOGUE, policy, policy_text, read_catalogue
from deploy.generate.protection import protection
from deploy.generate.rbac import rbac
from deploy.generate.webhooks import webhooks
from schemas.crd.definition import crd

INSTALL = Path(__file__).parent / "install"
CERT_MANAGER = Path(__file__).parent / "cert-manager"
"""The installation in which cert-manager makes the webhooks' certificates: an overlay of the other."""
CHART = Path(__file__).parent / "chart"
TEMPLATES = CHART / "templates"
DATA = Path(__file__).parents[1] / "schemas" / "data"
REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
KUSTOMIZATION = "kustomization.yaml"

# In the order in which they are applied: whatever refers to something comes after it.
_FILES: Mapping[str, Callable[[CertificateMode], Iterable[Manifest]]] = {
    "namespace.yaml": lambda _: (namespace(),),
    "priority.yaml": lambda _: (priority_class(),),
    "crd.yaml": lambda _: (crd(),),
    "rbac.yaml": rbac,
    "policy.yaml": lambda _: (policy(),),
    "controller.yaml": controller,
    "webhooks.yaml": lambda _: webhooks(),
    "admission.yaml": admission,
    "protection.yaml": lambda _: protection(),
}
_CERT_MANAGER_FILES: Mapping[str, Callable[[], Iterable[Manifest]]] = {
    "certificates.yaml": cert_manager.certificates,
    "confinement.yaml": cert_manager.confinement,
}


def install_files() -> dict[str, str]:
    """Return the text of every file of deploy/install by name."""
    files = {name: GENERATED + documents(make(CertificateMode.KEDDAH)) for name, make in _FILES.items()}
    return {**files, KUSTOMIZATION: GENERATED + documents([kustomization(list(_FILES))])}


def cert_manager_files() -> dict[str, str]:
    """Return the text of every file of deploy/cert-manager by name."""
    patches = cert_manager.patches()
    files = {name: make() for name, make in _CERT_MANAGER_FILES.items()} | patches
    resources = [os.path.relpath(INSTALL, CERT_MANAGER), *_CERT_MANAGER_FILES]
    body = layers(resources, list(patches))
    return {name: GENERATED + documents(made) for name, made in {**files, KUSTOMIZATION: [body]}.items()}


def chart_files() -> dict[str, str]:
    """Return the text of what describes the Helm chart, by name."""
    return {
        "Chart.yaml": GENERATED + documents([chart.chart()]),
        "values.yaml": chart.values_text(objects()),
        "values.schema.json": chart.schema(objects()),
    }


def template_files() -> dict[str, str]:
    """Return the text of the Helm chart's templates by name: all but the namespace, which Helm makes."""
    both = {
        name: (make(CertificateMode.KEDDAH), make(CertificateMode.CERT_MANAGER))
        for name, make in _FILES.items()
        if make is not _FILES["namespace.yaml"]
    }
    both |= {name: ((), make()) for name, make in _CERT_MANAGER_FILES.items()}
    return {name: chart.template(*made) for name, made in both.items()}


def data_files() -> dict[str, str]:
    """Return the text of what schemas carries of the installation: the linter's default policy."""
    return {"policy.yaml": GENERATED + policy_text(read_catalogue(CATALOGUE), DEFAULT_REGISTRY, VERSION)}


def reference_files() -> dict[str, str]:
    """Return the text of the pages of documentation that follow from the code."""
    return {"reasons.md": reasons.page()}


def objects(certificates: CertificateMode = CertificateMode.KEDDAH) -> tuple[Manifest, ...]:
    """Return every object of the installation, in the order to apply them."""
    common = tuple(item for make in _FILES.values() for item in make(certificates))
    more = _CERT_MANAGER_FILES.values() if certificates is CertificateMode.CERT_MANAGER else ()
    return (*common, *(item for make in more for item in make()))


def overlay_files(
    folder: Path,
    *,
    registry: str,
    tag: str,
    catalogue: Path | None = None,
    pull_secret: str = "",
    install: Path | None = None,
    certificates: CertificateMode = CertificateMode.KEDDAH,
) -> dict[str, str]:
    """Return an overlay, to stand in `folder`, that takes all images from a registry.

    `catalogue` is the list of releases that the database image was built with, if it is another than the
    committed one. `pull_secret` names the Secret with which the registry is read. `install` is what it is an
    overlay of, if not of what is committed for that mode of the certificates.
    """
    releases = None if catalogue is None else read_catalogue(catalogue)
    patch = policy(releases, registry, tag, pull_secret)
    committed = CERT_MANAGER if certificates is CertificateMode.CERT_MANAGER else INSTALL
    reference = os.path.relpath(install or committed, folder)
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
