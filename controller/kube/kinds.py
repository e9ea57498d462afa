"""The kinds that the controller knows, and where the API server keeps them: no discovery is needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.api.types import GROUP, KIND, PLURAL, VERSION

DATABASE = KIND
DATABASE_LABEL = f"{GROUP}/database"

LEASE = "keddah-controller"
"""Name of the Lease that decides which replica of the controller acts."""

CONFIGURATION = "keddah"
"""Name of the mutating and of the validating webhook configuration."""


class CertificateMode(StrEnum):
    """Who makes the webhooks' certificates, and has the API server trust them."""

    KEDDAH = "keddah"
    CERT_MANAGER = "cert-manager"


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of one kind live."""

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True
    child: bool = False
    """Whether databases have children of it that are watched."""
    workload: bool = False
    """Whether its objects start pods."""

    @property
    def api_version(self) -> str:
        """The apiVersion of a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the URL path of one object, or of all in a namespace or (None) in the cluster."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "/".join(part for part in (f"{root}{within}/{self.plural}", name, subresource) if part)


_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"

KINDS = {
    kind.name: kind
    for kind in (
        Kind(DATABASE, GROUP, VERSION, PLURAL),
        Kind("Pod", "", "v1", "pods", child=True),
        Kind("StatefulSet", "apps", "v1", "statefulsets", child=True, workload=True),
        Kind("ControllerRevision", "apps", "v1", "controllerrevisions"),
        Kind("CronJob", "batch", "v1", "cronjobs", child=True, workload=True),
        Kind("Job", "batch", "v1", "jobs", child=True, workload=True),
        Kind("Service", "", "v1", "services", child=True),
        Kind("ConfigMap", "", "v1", "configmaps", child=True),
        Kind("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", child=True),
        Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets", child=True),
        Kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies", child=True),
        Kind("ServiceAccount", "", "v1", "serviceaccounts", child=True),
        Kind("Role", _RBAC, "v1", "roles", child=True),
        Kind("RoleBinding", _RBAC, "v1", "rolebindings", child=True),
        Kind("Secret", "", "v1", "secrets"),
        # Its definition may be missing, so it is never watched: it is read with the Secrets, where declared.
        Kind("Certificate", "cert-manager.io", "v1", "certificates"),
        Kind("StorageClass", "storage.k8s.io", "v1", "storageclasses", namespaced=False),
        Kind("MutatingWebhookConfiguration", _ADMISSION, "v1", "mutatingwebhookconfigurations", False),
        Kind("ValidatingWebhookConfiguration", _ADMISSION, "v1", "validatingwebhookconfigurations", False),
        Kind("Lease", "coordination.k8s.io", "v1", "leases"),
        Kind("Event", "events.k8s.io", "v1", "events"),
        Kind("Namespace", "", "v1", "namespaces", namespaced=False),
        Kind("Node", "", "v1", "nodes", namespaced=False),
    )
}

CHILDREN = tuple(kind.name for kind in KINDS.values() if kind.child)
"""Watched by the label `keddah.dev/database`: objects of others cost nothing. Secrets are never watched."""

WORKLOADS = frozenset(kind.name for kind in KINDS.values() if kind.workload)
"""Kinds of children that start pods: written after those that their pods need."""

WEBHOOK_CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""Watched by name, to restore a caBundle that was removed."""

STORAGE_CLASS = "StorageClass"

NODE = "Node"
"""Watched for two facts: whether it is Ready, and whether it is cordoned or drained."""

EMPTYING = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption"})
"""Taints of drains without cordon (Cluster Autoscaler; Karpenter 1.0 and before)."""

WATCHED = (DATABASE, *CHILDREN, STORAGE_CLASS, NODE, *WEBHOOK_CONFIGURATIONS)
"""Every kind of which the cache may hold objects."""


def watched(certificates: CertificateMode, namespaces: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the kinds that are watched.

    Webhook configurations only where the caBundle is ours to inject, and nothing of the cluster where the
    controller has rights in a list of namespaces only.
    """
    others = WEBHOOK_CONFIGURATIONS if certificates is CertificateMode.CERT_MANAGER else ()
    return tuple(
        kind for kind in WATCHED if kind not in others and (KINDS[kind].namespaced or not namespaces)
    )
