"""Labels of everything that belongs to a database, and the selectors that find its pods.

Every selector of pods names the component too: a backup's pod carries the database's name, but takes no
connections and has no part in the election.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from controller.kube.kinds import DATABASE_LABEL

Labels: TypeAlias = dict[str, str]
Role: TypeAlias = Literal["primary", "standby"]

DATABASE: Final = DATABASE_LABEL
ROLE: Final = "keddah.dev/role"
SCOPE: Final = "keddah.dev/scope"
COMPONENT: Final = "app.kubernetes.io/component"
APPLICATION: Final = "app.kubernetes.io/instance"
"""By which Argo CD (tracking by label) takes what has no owner for a part of the application of that name."""
INSTANCE: Final = "database"
"""The component of what runs PostgreSQL itself."""
REPOSITORY: Final = "repository"
"""The component of a volume repository's server."""
BACKUP: Final = "backup"
"""The component of what makes, verifies and restores backups: Jobs and their CronJob."""
POD_NAME: Final = "statefulset.kubernetes.io/pod-name"


def common(name: str, component: str = INSTANCE) -> Labels:
    """Return the labels of every child of the database of that name."""
    return {
        "app.kubernetes.io/name": "postgresql",
        APPLICATION: name,
        "app.kubernetes.io/managed-by": "keddah",
        COMPONENT: component,
        DATABASE: name,
    }


def kept(name: str, component: str = INSTANCE) -> Labels:
    """Return the labels of what outlives the database.

    Not the one by which an Argo CD application of the same name takes them for its own, and prunes them.
    """
    return {k: v for k, v in common(name, component).items() if k != APPLICATION}


def component_of(manifest: dict[str, Any]) -> str:
    """Return the component that a child is part of; what has no such label (Patroni's) is the instances'."""
    return str((manifest.get("metadata", {}).get("labels") or {}).get(COMPONENT, INSTANCE))


def patroni(name: str) -> Labels:
    """Return the labels by which Patroni finds its pods and ConfigMaps (kubernetes.labels, scope_label)."""
    return {DATABASE: name, SCOPE: name}


def instances(name: str) -> Labels:
    """Return the selector of the database's instances; it can never change, as a StatefulSet's cannot."""
    return {DATABASE: name, COMPONENT: INSTANCE}


def repository(name: str) -> Labels:
    """Return the selector of the pod that has the volume repository."""
    return {DATABASE: name, COMPONENT: REPOSITORY}


def backup(name: str) -> Labels:
    """Return the selector of the pods of all Jobs about backups."""
    return {DATABASE: name, COMPONENT: BACKUP}


def counted(name: str, pods: Iterable[str]) -> str:
    """Return the selector, as text, of these pods of the database.

    An autoscaler averages over all pods that it selects. A user's pod may have any label of ours, but only
    the StatefulSet controller gives a pod its name for one.
    """
    return f"{DATABASE}={name},{POD_NAME} in ({','.join(pods)})"


def with_role(name: str, role: Role) -> Labels:
    """Return the selector of the instances of one role; Patroni writes that label."""
    return {**instances(name), ROLE: role}
