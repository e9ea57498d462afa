"""The account of the instances: Patroni keeps its state in ConfigMaps and labels its pods."""

from __future__ import annotations

from controller.desired import names
from controller.desired.child import account_annotations, child
from controller.kube.objects import Manifest
from schemas.api.types import PostgreSQLDatabase

_GROUP = "rbac.authorization.k8s.io"


def account(db: PostgreSQLDatabase, *, maximum: int) -> tuple[Manifest, Manifest, Manifest]:
    """Return the ServiceAccount, its Role and its RoleBinding, for as many as `maximum` instances.

    The token is mounted by the pod, not by default, so that nothing else that runs as this account gets it.
    """
    name = names.patroni_account(db.metadata.name)
    return (
        child(
            db,
            "v1",
            "ServiceAccount",
            name,
            body={"automountServiceAccountToken": False},
            annotations=account_annotations(db),
        ),
        child(db, f"{_GROUP}/v1", "Role", name, body={"rules": _rules(db.metadata.name, maximum)}),
        child(
            db,
            f"{_GROUP}/v1",
            "RoleBinding",
            name,
            body={
                "roleRef": {"apiGroup": _GROUP, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": db.metadata.namespace}],
            },
        ),
    )


def _rules(name: str, maximum: int) -> list[Manifest]:
    """Return the permissions that Patroni's DCS client needs (patroni/dcs/kubernetes.py), no more.

    RBAC can bind neither `list` and `watch` to a label nor `create` to a name; the writes are bound.
    """
    pods = [names.pod(name, ordinal) for ordinal in range(maximum)]
    state = list(names.patroni_state(name))
    return [
        _rule(["configmaps"], ["list", "watch", "create"]),
        _rule(["configmaps"], ["get", "patch"], state),
        _rule(["pods"], ["list", "watch"]),
        _rule(["pods"], ["get", "patch"], pods),
    ]


def _rule(resources: list[str], verbs: list[str], resource_names: list[str] | None = None) -> Manifest:
    rule: Manifest = {"apiGroups": [""], "resources": resources, "verbs": verbs}
    if resource_names is not None:
        rule["resourceNames"] = resource_names
    return rule
