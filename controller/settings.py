"""Settings from environment variables, read once; all mistakes are reported together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.certificates.rotation import DEFAULT, Lifetimes
from controller.kube.kinds import CertificateMode
from schemas.processes import Address, Environment, Log

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_WORKERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the controller."""

    policy_file: Path
    metrics_listen: Address
    namespace: str
    """Where the operator itself runs: of its Lease and of the webhooks' Service and Secrets."""
    namespaces: tuple[str, ...]
    """Those whose databases are looked after, with rights in them alone; empty: all of the cluster."""
    identity: str
    """Names this replica in the Lease: the name of its pod."""
    cluster_domain: str
    kubeconfig: Path | None
    """How to reach the API server; None is the service account of the pod."""
    context: str | None
    certificates: CertificateMode
    """Who makes the webhooks' certificates."""
    lifetimes: Lifetimes
    """For how long certificates are made, the databases' too."""
    workers: int
    """How many databases are reconciled at once."""
    log: Log


def read(variables: Mapping[str, str], *, hostname: str) -> Settings:
    """Read the settings; raises SettingsError with every mistake at once."""
    environment, kubeconfig = Environment(variables), variables.get("KUBECONFIG")
    settings = Settings(
        policy_file=environment.path("KEDDAH_POLICY_FILE", "/etc/keddah/policy/policy.yaml"),
        metrics_listen=environment.address("KEDDAH_METRICS_LISTEN", ":8080"),
        namespace=environment.domain("KEDDAH_NAMESPACE", "keddah-system"),
        namespaces=environment.domains("KEDDAH_WATCH_NAMESPACES"),
        identity=variables.get("KEDDAH_IDENTITY") or hostname,
        cluster_domain=environment.domain("KEDDAH_CLUSTER_DOMAIN", "cluster.local"),
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        context=variables.get("KEDDAH_CONTEXT") or None,
        certificates=CertificateMode(
            environment.choice("KEDDAH_CERTIFICATES", CertificateMode.KEDDAH, [*CertificateMode])
        ),
        lifetimes=Lifetimes(
            environment.duration("KEDDAH_AUTHORITY_LIFETIME", DEFAULT.authority),
            environment.duration("KEDDAH_CERTIFICATE_LIFETIME", DEFAULT.leaf),
            environment.duration("KEDDAH_AUTHORITY_OVERLAP", DEFAULT.overlap),
        ),
        workers=environment.count("KEDDAH_WORKERS", 16, MOST_WORKERS),
        log=environment.log(),
    )
    if settings.kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in variables:
        environment.mistakes.append(
            "KUBECONFIG: got nothing; a kubeconfig file, since this is not a pod of a cluster"
        )
    if settings.namespaces and settings.certificates is CertificateMode.KEDDAH:
        environment.mistakes.append(
            "KEDDAH_CERTIFICATES: got keddah; cert-manager, since with KEDDAH_WATCH_NAMESPACES the controller"
            " has no right on webhook configurations, which belong to the cluster"
        )
    environment.check()
    return settings
