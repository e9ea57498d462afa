"""Who may do what: the controller by the table beside its code, and people by Kubernetes' own roles."""

from __future__ import annotations

from controller.kube.objects import Manifest
from controller.kube.permissions import rules
from deploy.generate.controller import COMPONENT_NAME
from deploy.generate.objects import CONTROLLER, NAMESPACE, manifest
from deploy.generate.variant import Variant
from schemas.api.types import GROUP, PLURAL

_GROUP = "rbac.authorization.k8s.io"
_API = f"{_GROUP}/v1"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_SCALE = ["get", "patch", "update"]
VIEW, EDIT = "keddah-view", "keddah-edit"
DATABASES = "keddah-databases"
"""The controller's Role in one of the namespaces that are listed."""


def rbac(variant: Variant) -> tuple[Manifest, ...]:
    """Return the controller's account with its rights, and roles for people.

    With a list of namespaces these are Roles in them, and no ClusterRole.
    """
    account = _own("v1", "ServiceAccount", {})
    election = (_own(_API, "Role", {"rules": rules("operator")}), _own(_API, "RoleBinding", _binding("Role")))
    if variant.namespaces:
        return (account, *election, *(role for name in variant.namespaces for role in _within(name, variant)))
    everywhere = rules("databases", "cluster", certificates=variant.certificates)
    return (
        account,
        _own(_API, "ClusterRole", {"rules": everywhere}, namespaced=False),
        _own(_API, "ClusterRoleBinding", _binding("ClusterRole"), namespaced=False),
        *election,
        _aggregated(VIEW, "view", _granted(_READ, [])),
        _aggregated(EDIT, "edit", _granted(_WRITE, _SCALE)),
    )


def _within(namespace: str, variant: Variant) -> tuple[Manifest, ...]:
    """Return the roles in one of the namespaces: the controller's, and two to bind people to."""
    allowed = {"rules": rules("databases", certificates=variant.certificates)}
    role = manifest(_API, "Role", DATABASES, allowed, component=COMPONENT_NAME)
    binding = manifest(_API, "RoleBinding", DATABASES, _binding("Role", DATABASES), component=COMPONENT_NAME)
    view = manifest(_API, "Role", VIEW, _granted(_READ, []))
    edit = manifest(_API, "Role", EDIT, _granted([*_READ, *_WRITE], _SCALE))
    found = (role, binding, view, edit)
    for each in found:
        each["metadata"]["namespace"] = namespace
    return found


def _own(api_version: str, kind: str, body: Manifest, *, namespaced: bool = True) -> Manifest:
    return manifest(api_version, kind, CONTROLLER, body, component=COMPONENT_NAME, namespaced=namespaced)


def _binding(kind: str, name: str = CONTROLLER) -> Manifest:
    return {
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": CONTROLLER, "namespace": NAMESPACE}],
    }


def _granted(verbs: list[str], scale: list[str]) -> Manifest:
    granted = [(PLURAL, verbs), (f"{PLURAL}/scale", scale)]
    return {"rules": [{"apiGroups": [GROUP], "resources": [r], "verbs": v} for r, v in granted if v]}


def _aggregated(name: str, role: str, body: Manifest) -> Manifest:
    """Return a role that Kubernetes adds to its own of that name (RBAC, Aggregated ClusterRoles).

    Whoever may use a namespace may then use databases in it; `admin` has all that `edit` has.
    """
    added = manifest(_API, "ClusterRole", name, body, namespaced=False)
    added["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{role}"] = "true"
    return added
