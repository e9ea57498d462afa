"""What is chosen when keddah is installed, and differs in the objects themselves."""

from __future__ import annotations

from dataclasses import dataclass

from controller.kube.kinds import CertificateMode

NEEDS_CERT_MANAGER = (
    "an installation for some namespaces needs certificates=cert-manager: webhook configurations belong to"
    " the cluster, so a controller with rights in those namespaces only cannot write their caBundle"
)


class VariantError(Exception):
    """Choices that do not go together; the text says what would."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to install keddah."""

    certificates: CertificateMode = CertificateMode.KEDDAH
    """Who makes the webhooks' certificates."""
    namespaces: tuple[str, ...] = ()
    """Those whose databases are looked after, with rights in them alone; empty: all, with rights in all."""

    def __post_init__(self) -> None:
        if self.namespaces and self.certificates is CertificateMode.KEDDAH:
            raise VariantError(NEEDS_CERT_MANAGER)
