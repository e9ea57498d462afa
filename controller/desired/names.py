"""Names of a database's children: one function each, all of them from the database's own name.

The database's name has 45 characters at most, so that the longest of these fits every kind's limit.
"""

from __future__ import annotations

from typing import Final

CLAIM_TEMPLATE: Final = "data"
"""Name of the claim template, and so of the volume, that holds the data."""


def statefulset(name: str) -> str:
    """Name the StatefulSet of instances."""
    return name


def pod(name: str, ordinal: int) -> str:
    """Name the pod of one instance, as the StatefulSet does."""
    return f"{name}-{ordinal}"


def claim(name: str, ordinal: int) -> str:
    """Name the volume claim of one instance, as the StatefulSet does."""
    return f"{CLAIM_TEMPLATE}-{name}-{ordinal}"


def primary_service(name: str) -> str:
    """Name the Service that leads to the primary."""
    return name


def standby_service(name: str) -> str:
    """Name the Service that leads to the standbys."""
    return f"{name}-ro"


def pods_service(name: str) -> str:
    """Name the headless Service that gives each pod its host name."""
    return f"{name}-pods"


def host(name: str, namespace: str) -> str:
    """Return the host that applications connect to; it resolves in every namespace."""
    return f"{primary_service(name)}.{namespace}.svc"


def config(name: str) -> str:
    """Name the ConfigMap that Patroni is configured by; Patroni itself derives it from its scope."""
    return f"{name}-config"


def lock(name: str) -> str:
    """Name the ConfigMap that says who the primary is; Patroni derives it from its scope."""
    return f"{name}-leader"


def sync(name: str) -> str:
    """Name the ConfigMap that says whom commits wait for; Patroni derives it from its scope."""
    return f"{name}-sync"


def patroni_state(name: str) -> tuple[str, ...]:
    """Name the ConfigMaps that Patroni keeps its state in (with Endpoints not used)."""
    return (config(name), lock(name), f"{name}-failover", sync(name))


def keys_secret(name: str) -> str:
    """Name the Secret with the database's CA and the seed of its passwords; no pod mounts it."""
    return f"{name}-keys"


def app_secret(name: str) -> str:
    """Name the Secret with which an application connects."""
    return f"{name}-app"


def superuser_secret(name: str) -> str:
    """Name the Secret of the superuser, who can only connect from inside the pod."""
    return f"{name}-superuser"


def replication_secret(name: str) -> str:
    """Name the Secret of the role that standbys connect with."""
    return f"{name}-replication"


def tls_secret(name: str) -> str:
    """Name the Secret with the server's certificate, its key and the CA."""
    return f"{name}-tls"


def secrets(name: str) -> tuple[str, ...]:
    """Name all Secrets, the one that the others follow from first."""
    return (
        keys_secret(name),
        superuser_secret(name),
        replication_secret(name),
        tls_secret(name),
        app_secret(name),
    )


def patroni_account(name: str) -> str:
    """Name the ServiceAccount that the instances run as, and its Role and RoleBinding.

    Not the bare name: every namespace has an account `default`, and many have one named as an application.
    """
    return f"{name}-patroni"


def disruption_budget(name: str) -> str:
    """Name the PodDisruptionBudget of the instances."""
    return name


def network_policy(name: str) -> str:
    """Name the NetworkPolicy of the instances."""
    return name
