"""Labels of everything that belongs to a database, and the selectors that find its pods.

Every selector of pods names the component too: a backup's pod carries the database's name, but takes no
connections and has no part in the election.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from controller.kube.kinds import DATABASE_LABEL

Labels: TypeAlias = dict[str, str]
Role: TypeAlias = Literal["primary", "standby"]

DATABASE: Final = DATABASE_LABEL
ROLE: Final = "keddah.dev/role"
SCOPE: Final = "keddah.dev/scope"
COMPONENT: Final = "app.kubernetes.io/component"
INSTANCE: Final = "database"
"""The component of what runs PostgreSQL itself."""


def common(name: str, component: str = INSTANCE) -> Labels:
    """Return the labels of every child of the database of that name."""
    return {
        "app.kubernetes.io/name": "postgresql",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "keddah",
        COMPONENT: component,
        DATABASE: name,
    }


def patroni(name: str) -> Labels:
    """Return the labels by which Patroni finds its pods and ConfigMaps (kubernetes.labels, scope_label)."""
    return {DATABASE: name, SCOPE: name}


def instances(name: str) -> Labels:
    """Return the selector of the database's instances; it can never change, as a StatefulSet's cannot."""
    return {DATABASE: name, COMPONENT: INSTANCE}


def with_role(name: str, role: Role) -> Labels:
    """Return the selector of the instances of one role; Patroni writes that label."""
    return {**instances(name), ROLE: role}
