"""The CRD: what the API server needs to hold the line alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from schemas.crd import openapi
from schemas.crd.definition import crd
from schemas.rules import relations

if TYPE_CHECKING:
    from collections.abc import Iterator

EITHER = "spec.databases[].extensions[]"
"""A name or an object."""


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk a schema: every one in it, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from schemas(child, f"{path}.{name}".lstrip("."))
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from schemas(schema[inner], f"{path}[]")


PUBLISHED = dict(schemas(openapi.structural_schema()))


def test_the_first_three_fields_are_the_contract() -> None:
    assert list(PUBLISHED["spec"]["properties"])[:3] == ["version", "replicas", "backupSchedule"]
    assert list(PUBLISHED["status"]["properties"])[:3] == [
        "readyReplicas",
        "currentVersion",
        "lastBackupTime",
    ]


def test_nothing_of_a_spec_is_required() -> None:
    assert "required" not in PUBLISHED[""]
    assert "required" not in PUBLISHED["spec"]


def test_static_defaults_are_these_and_no_others() -> None:
    defaults = {path: schema["default"] for path, schema in PUBLISHED.items() if "default" in schema}
    assert defaults == {
        "spec": {},
        "spec.database": "app",
        "spec.owner": "app",
        "spec.databases[].encoding": "UTF8",
        "spec.databases[].localeProvider": "builtin",
        "spec.databases[].reclaim": "Retain",
        "spec.roles[].login": True,
        "spec.monitoring.enabled": True,
        "spec.monitoring.queries[].key": "queries.yaml",
        "spec.logging": "JSON",
        "spec.synchronous": "Quorum",
        "spec.backup": {},
        "spec.backup.timeZone": "UTC",
        "spec.backup.suspended": False,
        "spec.backup.fullEvery": "7d",
        "spec.backup.retention": {},
        "spec.backup.retention.days": 14,
        "spec.backup.finalBackup": False,
        "spec.backup.repository.volume.size": "10Gi",
        "spec.backup.repository.s3.region": "us-east-1",
        "spec.backup.repository.s3.addressing": "Path",
        "spec.backup.repository.s3.caSecret.key": "ca.crt",
        "spec.backup.repository.encryption.secret.key": "key",
        "spec.restore.from.s3.region": "us-east-1",
        "spec.restore.from.s3.addressing": "Path",
        "spec.restore.from.s3.caSecret.key": "ca.crt",
        "spec.restore.from.encryption.secret.key": "key",
        "spec.services.primary.type": "ClusterIP",
        "spec.services.standbys.type": "ClusterIP",
        "spec.tls.issuerRef.kind": "Issuer",
        "spec.tls.issuerRef.group": "cert-manager.io",
        "spec.deletionPolicy": "Retain",
        "spec.deletionProtection": False,
        "spec.hibernated": False,
    }


def test_what_the_policy_decides_has_no_default() -> None:
    for field in (
        "version",
        "replicas",
        "backupSchedule",
        "backup.verify",
        "storage",
        "storage.size",
        "resources",
    ):
        assert "default" not in PUBLISHED[f"spec.{field}"]


def test_every_field_explains_itself() -> None:
    silent = [
        path
        for path, schema in PUBLISHED.items()
        if not schema.get("description") and not path.endswith("[]") and not path.startswith("metadata")
    ]
    assert silent == []


def test_the_schema_is_structural() -> None:
    for path, schema in PUBLISHED.items():
        assert not {"$ref", "$defs", "title", "anyOf", "oneOf", "allOf", "not"} & schema.keys(), path
        assert ("type" in schema) != ("x-kubernetes-int-or-string" in schema or path == EITHER), path


def test_no_part_is_free_form() -> None:
    free = {path for path, schema in PUBLISHED.items() if schema.get("x-kubernetes-preserve-unknown-fields")}
    assert free == {EITHER}
    described = {path for path, schema in PUBLISHED.items() if schema.get("type") == "object"}
    words = {path for path in described if "additionalProperties" in PUBLISHED[path]}
    assert [path for path in described - words if "properties" not in PUBLISHED[path]] == []


def test_conditions_merge_by_type() -> None:
    conditions = PUBLISHED["status.conditions"]
    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == (
        "map",
        ["type"],
    )


def test_every_relation_stands_beside_its_field() -> None:
    found = {path: schema["x-kubernetes-validations"] for path, schema in PUBLISHED.items() if _ruled(schema)}
    assert sum(map(len, found.values())) == len(relations.RELATIONS)
    assert set(found) == {relation.at for relation in relations.RELATIONS}


def test_the_cel_half_says_the_same_words() -> None:
    assert PUBLISHED["spec.database"]["x-kubernetes-validations"] == [
        {
            "rule": "self == oldSelf",
            "messageExpression": "'got \"' + self + '\"; cannot change from \"' + oldSelf + '\"'",
        }
    ]
    assert PUBLISHED["spec.backup.repository"]["x-kubernetes-validations"] == [
        {"rule": "!has(self.volume) || !has(self.s3)", "message": "got volume and s3; must be one of them"}
    ]


def test_scale_and_status_are_subresources() -> None:
    (version,) = crd()["spec"]["versions"]
    assert version["subresources"] == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }


def test_columns_are_as_designed() -> None:
    (version,) = crd()["spec"]["versions"]
    names = [column["name"] for column in version["additionalPrinterColumns"]]
    assert names == ["Version", "Ready", "Primary", "Status", "Last Backup", "Age"]


def test_every_crd_is_a_new_one() -> None:
    first = crd()
    first["spec"]["versions"].clear()
    assert crd()["spec"]["versions"]


def test_its_yaml_has_no_anchors() -> None:
    assert "&id" not in yaml.safe_dump(crd())


def _ruled(schema: dict[str, Any]) -> bool:
    return "x-kubernetes-validations" in schema
