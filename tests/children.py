"""The children of one database, as a test looks at them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.waiting import until

if TYPE_CHECKING:
    from tests.rest import Object, Rest

KIND = "PostgreSQLDatabase"
WATCHED = (
    "StatefulSet",
    "Service",
    "ConfigMap",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "ServiceAccount",
    "Role",
    "RoleBinding",
)


def expected(name: str) -> set[tuple[str, str]]:
    """Give kind and name of every child that keddah writes."""
    patroni = f"{name}-patroni"
    return {
        ("StatefulSet", name),
        ("Service", name),
        ("Service", f"{name}-ro"),
        ("Service", f"{name}-pods"),
        ("ConfigMap", f"{name}-config"),
        ("PodDisruptionBudget", name),
        ("NetworkPolicy", name),
        ("ServiceAccount", patroni),
        ("Role", patroni),
        ("RoleBinding", patroni),
        # Of backups, as far as they are there before the first data.
        ("ConfigMap", f"{name}-backup"),
        ("ServiceAccount", f"{name}-backup"),
        ("Service", f"{name}-repository"),
        ("NetworkPolicy", f"{name}-repository"),
        *(("Secret", f"{name}-{suffix}") for suffix in SECRETS),
    }


INSTANCES = "keddah.dev/database=orders,app.kubernetes.io/component=database"
"""Selector of the instances of `orders`, and not of its repository's or Jobs' pods."""
PAIRS = ("tls", "repository-tls")
"""Certificates, which are in their own Secrets only."""
SECRETS = ("keys", "app", "superuser", "replication", *PAIRS)
KEPT = frozenset({"ConfigMap", "Secret"})
"""Kinds of children that outlive the database under deletionPolicy Retain, and so have no owner."""


def all_exist(rest: Rest, namespace: str, name: str = "orders") -> bool:
    """Tell whether every child is there."""
    return all(rest.get(kind, namespace, child) is not None for kind, child in expected(name))


def live(rest: Rest, namespace: str, name: str = "orders") -> dict[tuple[str, str], Object]:
    """Give every child that is there."""
    found = {(kind, child): rest.get(kind, namespace, child) for kind, child in expected(name)}
    return {key: manifest for key, manifest in found.items() if manifest is not None}


def condition(rest: Rest, namespace: str, kind: str, name: str = "orders") -> dict[str, Any]:
    """Give one condition of a database; {} when there is none."""
    database = rest.get(KIND, namespace, name) or {}
    conditions = (database.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def wait_condition(
    rest: Rest, namespace: str, kind: str, reason: str, *, name: str = "orders", seconds: float = 20
) -> dict[str, Any]:
    """Wait until a condition has a reason, and give it."""

    def there() -> dict[str, Any]:
        found = condition(rest, namespace, kind, name)
        return found if found.get("reason") == reason else {}

    return until(there, seconds, lambda: condition(rest, namespace, kind, name))


def events(rest: Rest, namespace: str, name: str = "orders") -> list[str]:
    """Give the events about a database, as `reason: note`, in the order in which they were written."""
    found = rest.list("Event", namespace)
    about = [e for e in found if (e["regarding"]["kind"], e["regarding"]["name"]) == (KIND, name)]
    about.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
    return [f"{each['reason']}: {each['note']}" for each in about]


def passwords(rest: Rest, namespace: str, name: str = "orders") -> dict[str, str]:
    """Give the password in each Secret that has one."""
    found = {}
    for suffix in ("app", "superuser", "replication"):
        secret = rest.get("Secret", namespace, f"{name}-{suffix}")
        if secret is not None:
            found[suffix] = base64.b64decode(secret["data"]["password"]).decode()
    return found
