"""The files of deploy/install, cert-manager and chart, and an installation for a registry of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path

from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from deploy.generate import cert_manager, chart, chart_monitoring, chart_values
from deploy.generate.admission import admission
from deploy.generate.confinement import confinement
from deploy.generate.controller import controller
from deploy.generate.document import GENERATED, documents
from deploy.generate.kustomization import kustomization, layers
from deploy.generate.monitoring import dashboard, rules, scraping
from deploy.generate.namespace import namespace, priority_class
from deploy.generate.objects import DATABASE_IMAGE, DEFAULT_REGISTRY, VERSION
from deploy.generate.policy import CATALOGUES, policy, policy_text, read_catalogue, read_changes
from deploy.generate.protection import protection
from deploy.generate.rbac import rbac
from deploy.generate.variant import Variant
from deploy.generate.webhooks import webhooks
from schemas.crd.definition import crd

INSTALL = Path(__file__).parent / "install"
CERT_MANAGER = Path(__file__).parent / "cert-manager"
"""The installation in which cert-manager makes the webhooks' certificates: an overlay of the other."""
MONITORING = Path(__file__).parent / "monitoring"
"""What is scraped, the alerts and the board: for the Prometheus operator, and as plain files."""
CHART = Path(__file__).parent / "chart"
CHART_FILES = CHART / "files"
"""What the chart's templates take as it is: texts with braces of their own."""
TEMPLATES = CHART / "templates"
DATA = Path(__file__).parents[1] / "schemas" / "data"
KUSTOMIZATION = "kustomization.yaml"
_WHOLE = "keddah.yaml"
_MONITORED = "monitoring.yaml"

# In the order in which they are applied: whatever refers to something comes after it.
_FILES: Mapping[str, Callable[[Variant], Iterable[Manifest]]] = {
    "namespace.yaml": lambda _: (namespace(),),
    "priority.yaml": lambda _: (priority_class(),),
    "crd.yaml": lambda _: (crd(),),
    "rbac.yaml": rbac,
    "policy.yaml": lambda _: (policy(),),
    "controller.yaml": controller,
    "webhooks.yaml": lambda _: webhooks(),
    "admission.yaml": admission,
    "protection.yaml": lambda _: protection(),
    "confinement.yaml": lambda _: confinement(),
}
_CERT_MANAGER_FILES: Mapping[str, Callable[[], Iterable[Manifest]]] = {
    "certificates.yaml": cert_manager.certificates,
}
_USUAL = Variant()
_WITH_CERT_MANAGER = Variant(CertificateMode.CERT_MANAGER)


def install_files() -> dict[str, str]:
    """Return the text of every file of deploy/install by name."""
    files = {name: GENERATED + documents(make(_USUAL)) for name, make in _FILES.items()}
    return {**files, KUSTOMIZATION: GENERATED + documents([kustomization(list(_FILES))])}


def cert_manager_files() -> dict[str, str]:
    """Return the text of every file of deploy/cert-manager by name."""
    patches = cert_manager.patches()
    files = {name: make() for name, make in _CERT_MANAGER_FILES.items()} | patches
    resources = [os.path.relpath(INSTALL, CERT_MANAGER), *_CERT_MANAGER_FILES]
    body = layers(resources, list(patches))
    return {name: GENERATED + documents(made) for name, made in {**files, KUSTOMIZATION: [body]}.items()}


def monitoring(namespaces: tuple[str, ...] = (), docs: str = "") -> dict[str, tuple[Manifest, ...]]:
    """Return by file what a cluster with the Prometheus operator, and Grafana with its sidecar, is given.

    Databases are looked for in these namespaces, or in all. `docs` is where the site of docs/ is served.
    """
    return {
        "pod-monitors.yaml": scraping.pod_monitors(namespaces),
        "prometheus-rule.yaml": (rules.prometheus_rule(docs),),
        "dashboard.yaml": (dashboard.config_map(),),
    }


def monitoring_files() -> dict[str, str]:
    """Return the text of every file of deploy/monitoring by name."""
    objects = {name: GENERATED + documents(made) for name, made in monitoring().items()}
    plain = {
        "rules.yaml": GENERATED + documents([rules.rules()]),
        "scrape-configs.yaml": GENERATED + documents([scraping.scrape_configs()]),
        dashboard.KEY: dashboard.text(),
    }
    return {**objects, **plain, KUSTOMIZATION: GENERATED + documents([layers(list(objects))])}


def chart_files() -> dict[str, str]:
    """Return the text of what describes the Helm chart, by name."""
    return {
        "Chart.yaml": GENERATED + documents([chart.chart()]),
        "values.yaml": chart_values.values_text(objects()),
        "values.schema.json": chart_values.schema(objects()),
    }


def template_files() -> dict[str, str]:
    """Return the text of the Helm chart's templates by name: all but the namespace, which Helm makes."""
    files = {name: make for name, make in _FILES.items() if make is not _FILES["namespace.yaml"]}
    both = {name: (make(_USUAL), make(_WITH_CERT_MANAGER)) for name, make in files.items()}
    both |= {name: ((), make()) for name, make in _CERT_MANAGER_FILES.items()}
    templates = {name: chart.template(*made) for name, made in both.items()}
    return templates | {
        "rbac.yaml": chart.rights(templates["rbac.yaml"], rbac(chart.WATCHED)),
        "monitoring.yaml": chart_monitoring.template(*monitoring().values()),
    }


def data_files() -> dict[str, str]:
    """Return the text of what schemas carries of the installation: the linter's default policy."""
    return {
        "policy.yaml": GENERATED
        + policy_text(read_catalogue(CATALOGUES[DATABASE_IMAGE]), DEFAULT_REGISTRY, VERSION)
    }


def objects(
    certificates: CertificateMode = CertificateMode.KEDDAH, namespaces: tuple[str, ...] = ()
) -> tuple[Manifest, ...]:
    """Return every object of the installation, in the order to apply them; raises VariantError."""
    variant = Variant(certificates, namespaces)
    common = tuple(item for make in _FILES.values() for item in make(variant))
    more = _CERT_MANAGER_FILES.values() if certificates is CertificateMode.CERT_MANAGER else ()
    return (*common, *(item for make in more for item in make()))


def overlay_files(
    folder: Path,
    *,
    registry: str,
    tag: str,
    catalogue: Path | None = None,
    pull_secret: str = "",
    changes: Path | None = None,
    install: Path | None = None,
    certificates: CertificateMode = CertificateMode.KEDDAH,
    namespaces: tuple[str, ...] = (),
    database_image: str = DATABASE_IMAGE,
    monitored: bool = False,
    docs: str = "",
) -> dict[str, str]:
    """Return an overlay, to stand in `folder`, that takes all images from a registry.

    With `namespaces` it has the objects itself, for what is committed watches all of them. With `monitored`
    it has those for the Prometheus operator too, whose alerts lead to the site at `docs`, if it is served.

    `catalogue` is the list of releases that the database image was built with, if it is another than the
    committed one. `pull_secret` names the Secret with which the registry is read. `changes` is a file with
    entries of the policy in place of the usual ones. `install` is what it is an overlay of, if not of what is
    committed for that mode of the certificates. Raises schemas.policy.PolicyError for a policy that is wrong.
    """
    releases = None if catalogue is None else read_catalogue(catalogue)
    entries = read_changes(changes) if changes else {}
    patch = policy(releases, registry, tag, pull_secret, entries, database_image)
    committed = CERT_MANAGER if certificates is CertificateMode.CERT_MANAGER else INSTALL
    own = {_WHOLE: documents(objects(certificates, namespaces))} if namespaces else {}
    if monitored and (namespaces or docs):
        own[_MONITORED] = documents(chain(*monitoring(namespaces, docs).values()))
    resources = [install or committed] if _WHOLE not in own else []
    resources += [MONITORING] if monitored and _MONITORED not in own else []
    references = [*(os.path.relpath(each, folder) for each in resources), *own]
    body = kustomization(
        references, registry=registry, tag=tag, patches=["policy.yaml"], pull_secret=pull_secret
    )
    return {**own, "policy.yaml": documents([patch]), KUSTOMIZATION: documents([body])}


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
