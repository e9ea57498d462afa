"""The objects of a new cluster: storage classes, RBAC, nodes; and CoreDNS's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.local.storage import FIXED_CLASS, GROWING_CLASS, PROVISIONER

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.local.kube import Object
    from deploy.local.node import Node

COREDNS_USER = "system:coredns"
PROVISIONER_USER = "keddah:storage-provisioner"
_RBAC = "rbac.authorization.k8s.io"


def _rule(group: str, resources: list[str], verbs: list[str]) -> Object:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _rights(name: str, rules: list[Object]) -> list[Object]:
    """Return a role and its binding to the user of the same name."""
    version, metadata = f"{_RBAC}/v1", {"name": name}
    subject = {"kind": "User", "name": name, "apiGroup": _RBAC}
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
    return [
        {"apiVersion": version, "kind": "ClusterRole", "metadata": metadata, "rules": rules},
        {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": [subject],
        },
    ]


def storage_class(name: str, *, grows: bool, default: bool) -> Object:
    """Return a storage class of the cluster's provisioner."""
    annotations = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": grows,
    }


def node(member: Node) -> Object:
    """Return a Node with its pod CIDR, which no controller assigns here."""
    labels = {"kubernetes.io/hostname": member.name, "topology.kubernetes.io/zone": member.zone}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": member.name, "labels": labels},
        "spec": {"podCIDR": str(member.pods), "podCIDRs": [str(member.pods)]},
    }


def cluster_objects() -> list[Object]:
    """Return all objects that are applied once, when the API server is ready."""
    read = ["get", "list", "watch"]
    return [
        storage_class(GROWING_CLASS, grows=True, default=True),
        storage_class(FIXED_CLASS, grows=False, default=False),
        *_rights(
            COREDNS_USER,
            [
                _rule("", ["services", "pods", "namespaces"], read),
                _rule("discovery.k8s.io", ["endpointslices"], read),
            ],
        ),
        *_rights(
            PROVISIONER_USER,
            [
                _rule("", ["persistentvolumeclaims"], read),
                _rule("", ["persistentvolumeclaims/status"], ["patch"]),
                _rule("", ["events"], ["create"]),
                _rule("", ["persistentvolumes"], [*read, "create", "patch", "delete"]),
            ],
        ),
    ]


def corefile(address: object, kubeconfig: Path) -> str:
    """Return CoreDNS's configuration: only the cluster's names exist."""
    # Two servers: in a single one, the plugin `template` would answer before `kubernetes`.
    return f"""\
cluster.local in-addr.arpa ip6.arpa {{
    bind {address}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
}}
. {{
    bind {address}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
