"""Who may do what: the controller by the table beside its code, and people by Kubernetes' own roles."""

from __future__ import annotations

from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from controller.kube.permissions import rules
from deploy.generate.controller import COMPONENT_NAME
from deploy.generate.objects import CONTROLLER, NAMESPACE, manifest
from schemas.api.types import GROUP, PLURAL

_GROUP = "rbac.authorization.k8s.io"
_API = f"{_GROUP}/v1"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]


def rbac(certificates: CertificateMode = CertificateMode.KEDDAH) -> tuple[Manifest, ...]:
    """Return the controller's account with its rights, and what is added to `view`, `edit` and `admin`."""
    return (
        _own("v1", "ServiceAccount", {}),
        _own(_API, "ClusterRole", {"rules": rules("cluster", certificates)}, blank_line=False),
        _own(_API, "ClusterRoleBinding", _binding("ClusterRole"), blank_line=False),
        _own(_API, "Role", {"rules": rules("namespace")}),
        _own(_API, "RoleBinding", _binding("Role")),
        _people("keddah-view", "view", _READ, []),
        _people("keddah-edit", "edit", _WRITE, ["get", "patch", "update"]),
    )


def _own(api_version: str, kind: str, body: Manifest, *, blank_line: bool = True) -> Manifest:
    return manifest(api_version, kind, CONTROLLER, body, component=COMPONENT_NAME, blank_line=blank_line)


def _binding(kind: str) -> Manifest:
    return {
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": CONTROLLER},
        "subjects": [{"kind": "ServiceAccount", "name": CONTROLLER, "namespace": NAMESPACE}],
    }


def _people(name: str, role: str, verbs: list[str], scale: list[str]) -> Manifest:
    """Return a role that Kubernetes adds to its own of that name (RBAC, Aggregated ClusterRoles).

    Whoever may use a namespace may then use databases in it; `admin` has all that `edit` has.
    """
    granted = [(PLURAL, verbs), (f"{PLURAL}/scale", scale)]
    body = {"rules": [{"apiGroups": [GROUP], "resources": [r], "verbs": v} for r, v in granted if v]}
    added = manifest(_API, "ClusterRole", name, body, blank_line=False)
    added["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{role}"] = "true"
    return added
