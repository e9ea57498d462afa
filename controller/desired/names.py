"""Names of a database's children: one function each, all of them from the database's own name.

The database's name has 45 characters at most, so that the longest of these fits every kind's limit.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

CLAIM_TEMPLATE: Final = "data"
"""Name of the claim template, and so of the volume, that holds the data."""
REPOSITORY_TEMPLATE: Final = "repository"
"""Name of the claim template, and so of the volume, that holds the backups."""

_REPOSITORY = "-repository"
_LONGEST_STATEFULSET = 52


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


def pod_host(name: str, namespace: str, ordinal: int) -> str:
    """Return the host name of one instance; it resolves whatever the cluster's domain."""
    return f"{pod(name, ordinal)}.{pods_service(name)}.{namespace}.svc"


def host(name: str, namespace: str) -> str:
    """Return the host that applications connect to; it resolves in every namespace, whatever the domain."""
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


def role_secret(name: str, role: str) -> str:
    """Name the Secret of a role of spec.roles.

    A role's name may be anything, and an object's may not: what had to be changed is told apart by a digest.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", role.lower()).strip("-")
    if plain != role:
        digest = hashlib.sha256(role.encode()).hexdigest()[:8]
        plain = f"{plain}-{digest}" if plain else digest
    return f"{name}-role-{plain}"


def tls_secret(name: str) -> str:
    """Name the Secret with the server's certificate, its key and the CA."""
    return f"{name}-tls"


def server_certificate(name: str) -> str:
    """Name the Certificate of cert-manager, and the Secret that it makes of it."""
    return f"{name}-server"


def secrets(name: str) -> tuple[str, ...]:
    """Name the Secrets that every database has, the one that the others follow from first."""
    return (
        keys_secret(name),
        superuser_secret(name),
        replication_secret(name),
        tls_secret(name),
        app_secret(name),
    )


def secrets_of_backups(name: str) -> tuple[str, ...]:
    """Name the Secrets that a database may have besides, for its backups."""
    return (repository_tls_secret(name), encryption_secret(name))


def secrets_watch(name: str) -> str:
    """Name the ConfigMap that shows that a Secret was deleted."""
    return f"{name}-secrets-watch"


def keys_copy(namespace: str, name: str) -> str:
    """Name the copy of NAME-keys in the operator's namespace; neither part of it has a dot."""
    return f"keys.{namespace}.{name}"


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


def backup_settings(name: str) -> str:
    """Name the ConfigMap with what the programs that back the database up are told."""
    return f"{name}-backup"


def backup_account(name: str) -> str:
    """Name the ServiceAccount of the repository and of all Jobs about backups."""
    return f"{name}-backup"


def backup_cronjob(name: str) -> str:
    """Name the CronJob of backups."""
    return f"{name}-backup"


def verify_cronjob(name: str) -> str:
    """Name the CronJob that verifies backups."""
    return f"{name}-verify"


def backup_cronjobs(name: str) -> tuple[str, str]:
    """Name all CronJobs about backups."""
    return backup_cronjob(name), verify_cronjob(name)


def last_backup(name: str) -> str:
    """Name the Job of the backup before the data is deleted."""
    return f"{name}-backup-last"


def first_backup(name: str) -> str:
    """Name the Job of the first backup."""
    return f"{backup_cronjob(name)}-first"


def asked_backup(name: str, request: str) -> str:
    """Name the Job of a backup that somebody asked for, given the digest of what they called it."""
    return f"{backup_cronjob(name)}-{request}"


def asked_verification(name: str, request: str) -> str:
    """Name the Job of a verification that somebody asked for, given the digest of what they called it."""
    return f"{verify_cronjob(name)}-{request}"


def repository(name: str) -> str:
    """Name the StatefulSet of a volume repository, its Service and its NetworkPolicy.

    A StatefulSet's pods have a label of its name and ten characters of a revision, and a label has 63 at
    most: a longer name is cut, and told from others by its digest.
    """
    whole = f"{name}{_REPOSITORY}"
    if len(whole) <= _LONGEST_STATEFULSET:
        return whole
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_STATEFULSET - len(_REPOSITORY) - len(digest) - 1]}-{digest}{_REPOSITORY}"


def repository_host(name: str, namespace: str) -> str:
    """Return the host name of a volume repository's server; it resolves whatever the cluster's domain."""
    return f"{repository(name)}.{namespace}.svc"


def repository_pod(name: str) -> str:
    """Name the only pod of a volume repository."""
    return f"{repository(name)}-0"


def repository_claim(name: str) -> str:
    """Name the volume claim of a volume repository, as the StatefulSet does."""
    return f"{REPOSITORY_TEMPLATE}-{repository_pod(name)}"


def repository_tls_secret(name: str) -> str:
    """Name the Secret with the certificate of the repository's server and of the Jobs, its key and the CA."""
    return f"{name}-repository-tls"


def encryption_secret(name: str) -> str:
    """Name the Secret with the generated key of an encrypted repository."""
    return f"{name}-encryption"


def restore_request(name: str) -> str:
    """Name the ConfigMap that says what a new database is restored from."""
    return f"{name}-restore"


def source(name: str) -> str:
    """Name what a new database reads its source with while it is restored.

    The Secret, the NetworkPolicy, and the StatefulSet and Service that serve the volume of a deleted source.
    """
    return f"{name}-source"


def source_host(name: str, namespace: str) -> str:
    """Return the host name of the server of a deleted source's volume."""
    return f"{source(name)}.{namespace}.svc"
