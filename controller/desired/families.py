"""The families of addresses that all Services of a database have (services.ipFamilyPolicy, ipFamilies)."""

from __future__ import annotations

from controller.kube.objects import Manifest
from schemas.api.types import PostgreSQLDatabase


def families(db: PostgreSQLDatabase) -> Manifest:
    """Return what belongs into the spec of a Service; nothing where the cluster's default is to hold."""
    given = db.spec.services
    if not given:
        return {}
    chosen = {"ipFamilyPolicy": given.ip_family_policy, "ipFamilies": given.ip_families}
    return {key: value for key, value in chosen.items() if value}
