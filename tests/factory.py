"""Test objects, made in one place: a database and a policy that are right unless a test says otherwise."""

from __future__ import annotations

from functools import cache
from typing import Any

from schemas.api.types import API_VERSION, KIND, PostgreSQLDatabase, decode
from schemas.policy import defaults
from schemas.policy.policy import Policy, parse

POLICY = """\
catalogue:
  - {version: "16.10", image: "keddah.dev/keddah-postgres:16.10", endOfLife: 2028-11-09, deprecated: true}
  - {version: "17.5", image: "keddah.dev/keddah-postgres:17.5", endOfLife: 2029-11-08}
  - {version: "17.6", image: "keddah.dev/keddah-postgres:17.6", endOfLife: 2029-11-08}
  - version: "18.1"
    image: "keddah.dev/keddah-postgres:18.1"
    endOfLife: 2030-11-14
    extensions:
      hstore: {version: "1.8"}
      pg_cron: {version: "1.6", others: ["1.5"], schema: pg_catalog}
      pg_stat_statements: {version: "1.12"}
      vector: {version: "0.8.0"}
defaultVersion: "17"
replicas: {minimum: 1, maximum: 9, default: 1}
scheduleWindow: {startHour: 0, hours: 6}
storage: {size: 10Gi}
"""
"""Two minors of 17, so that there is an up and a down; 18 as new, with extensions; 16 deprecated."""


@cache
def policy(text: str = POLICY) -> Policy:
    """Give the policy of the tests."""
    return parse(text)


def database(name: str = "orders", namespace: str = "shop", /, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a manifest; keywords are the spec's fields as YAML has them: `database(replicas=3)`."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-of-{name}", "generation": 1},
        "spec": spec,
    }


def submitted(name: str = "orders", namespace: str = "shop", /, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a manifest as a user writes it: without what the API server adds."""
    return {**database(name, namespace, **spec), "metadata": {"name": name, "namespace": namespace}}


def complete_database(name: str = "orders", namespace: str = "shop", /, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a manifest with the policy's defaults, as the admission server would store it."""
    return defaults.completed(database(name, namespace, **spec), policy())


def typed_database(name: str = "orders", namespace: str = "shop", /, **spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    """Give the typed form of a complete database."""
    return decode(complete_database(name, namespace, **spec))


def limit_range(namespace: str, cpu: str) -> dict[str, Any]:
    """Give the rule that no container of a namespace may use more of a processor than that."""
    limits = [{"type": "Container", "max": {"cpu": cpu}}]
    metadata = {"name": "small", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}}


def storage_class(name: str, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a StorageClass that makes no volumes; keywords are fields of it: `allowVolumeExpansion=True`."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "test.keddah.dev/none",
        **facts,
    }
