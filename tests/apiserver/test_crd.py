"""The CRD in a real API server, with no webhook called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from schemas.crd.definition import crd
from tests import factory
from tests.kstatus import kstatus

if TYPE_CHECKING:
    from tests.kubectl import Kubectl
    from tests.rest import Rest

STATIC_DEFAULTS = {
    "database": "app",
    "owner": "app",
    "synchronous": "Quorum",
    "deletionPolicy": "Retain",
    "deletionProtection": False,
    "hibernated": False,
    "storage": None,
    "parameters": None,
    "hba": None,
}


def stored(rest: Rest, manifest: dict[str, Any]) -> dict[str, Any]:
    return rest.create(manifest).expect()


def test_the_crd_is_accepted_without_a_warning(rest: Rest) -> None:
    answer = rest.apply(crd(), dryRun="All", fieldValidation="Strict")
    assert (answer.accepted, answer.warnings) == (True, ())


def test_no_part_of_the_schema_is_non_structural(rest: Rest) -> None:
    live = rest.get("CustomResourceDefinition", None, crd()["metadata"]["name"])
    assert live is not None
    assert not [c for c in live["status"]["conditions"] if c["type"] == "NonStructuralSchema"]


def test_explain_lists_every_field_with_its_type(kubectl: Kubectl) -> None:
    text = kubectl.good("explain", "pgdb.spec", "--recursive")
    lines = {re.sub(r"\s+", " ", line.strip()) for line in text.splitlines()}
    expected = {
        "version <string>",
        "replicas <integer>",
        "backupSchedule <string>",
        "database <string>",
        "owner <string>",
        "storage <Object>",
        "size <string>",
        "storageClassName <string>",
        "resources <Object>",
        "parameters <map[string]string>",
        "hba <[]string>",
        "synchronous <string>",
        "enum: Off, Quorum, Strict",
        "backup <Object>",
        "timeZone <string>",
        "restore <Object>",
        "from <Object> -required-",
        "targetTime <string>",
        "deletionPolicy <string>",
        "deletionProtection <boolean>",
        "hibernated <boolean>",
        "template <Object>",
        "nodeSelector <map[string]string>",
    }
    assert sorted(expected - lines) == []


def test_explain_describes_every_field(kubectl: Kubectl) -> None:
    for path in ("pgdb", "pgdb.spec", "pgdb.status", "pgdb.spec.storage", "pgdb.spec.backup.repository.s3"):
        assert "<no description>" not in kubectl.good("explain", path), path


def test_explain_says_what_a_field_means(kubectl: Kubectl) -> None:
    text = " ".join(kubectl.good("explain", "pgdb.spec.version").split())
    assert '"17" follows the newest minor' in text
    assert "FIELD: version <string>" in text


def test_columns_show_the_state(rest: Rest, kubectl: Kubectl, unguarded: str) -> None:
    stored(rest, factory.database("orders", unguarded, replicas=3))
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
    status = {
        "readyReplicas": 3,
        "ready": "3/3",
        "currentVersion": "17.6",
        "primary": "orders-1",
        "conditions": [{**ready, "lastTransitionTime": "2026-11-23T08:00:00Z"}],
    }
    rest.merge("PostgreSQLDatabase", unguarded, "orders", {"status": status}, "status").expect()
    head, row = kubectl.good("get", "pgdb", "-n", unguarded).splitlines()
    assert head.split() == ["NAME", "VERSION", "READY", "PRIMARY", "STATUS", "LAST", "BACKUP", "AGE"]
    assert row.split()[:5] == ["orders", "17.6", "3/3", "orders-1", "Ready"]


def test_an_object_that_no_controller_has_seen_does_not_pass_for_one_that_is_as_declared(
    rest: Rest, unguarded: str
) -> None:
    stored(rest, factory.database("orders", unguarded))
    live = rest.get("PostgreSQLDatabase", unguarded, "orders")
    assert live is not None
    assert live["status"] == {"observedGeneration": -1}
    assert kstatus(live) == "InProgress"


def test_deleting_all_of_a_namespace_spares_databases(rest: Rest, kubectl: Kubectl, unguarded: str) -> None:
    stored(rest, factory.database("orders", unguarded))
    kubectl.good("delete", "all", "--all", "-n", unguarded)
    left = rest.get("PostgreSQLDatabase", unguarded, "orders")
    assert left is not None
    assert "deletionTimestamp" not in left["metadata"]


def test_scale_changes_replicas_and_nothing_else(rest: Rest, kubectl: Kubectl, unguarded: str) -> None:
    before = stored(rest, factory.database("orders", unguarded, replicas=1))
    kubectl.good("scale", "pgdb", "orders", "--replicas=3", "-n", unguarded)
    after = rest.get("PostgreSQLDatabase", unguarded, "orders")
    assert after is not None
    assert after["spec"] == {**before["spec"], "replicas": 3}


def test_the_scale_subresource_tells_an_autoscaler_which_pods(rest: Rest, unguarded: str) -> None:
    stored(rest, factory.database("orders", unguarded, replicas=2))
    status = {"replicas": 2, "selector": "keddah.dev/database=orders"}
    rest.merge("PostgreSQLDatabase", unguarded, "orders", {"status": status}, "status").expect()
    scale = rest.get("PostgreSQLDatabase", unguarded, "orders", "scale")
    assert scale is not None
    assert (scale["spec"]["replicas"], scale["status"]) == (2, status)


def test_status_is_written_through_its_subresource_only(rest: Rest, unguarded: str) -> None:
    manifest = factory.database("orders", unguarded)
    made = stored(rest, {**manifest, "status": {"primary": "orders-7"}})
    assert made["status"] == {"observedGeneration": -1}
    change = {"status": {"primary": "orders-0"}, "spec": {"replicas": 5}}
    rest.merge("PostgreSQLDatabase", unguarded, "orders", change, "status").expect()
    live = rest.get("PostgreSQLDatabase", unguarded, "orders")
    assert live is not None
    assert live["status"]["primary"] == "orders-0"
    assert live["metadata"]["generation"] == 1
    assert "replicas" not in live["spec"]


def test_every_field_of_the_status_can_be_written(rest: Rest, unguarded: str) -> None:
    stored(rest, factory.database("orders", unguarded))
    moment = "2026-11-29T10:00:00Z"
    backups = {
        "count": 3,
        "sizeBytes": 2**53,
        "oldestRestorableTime": moment,
        "newestRestorableTime": moment,
        "archiveLagSeconds": 5,
        "lastVerifiedTime": moment,
        "lastError": {"time": moment, "reason": "NoRoom", "message": "no room"},
    }
    status = {"lastBackupTime": moment, "backups": backups}
    live = rest.merge("PostgreSQLDatabase", unguarded, "orders", {"status": status}, "status").expect()
    assert live["status"]["backups"] == backups


@pytest.mark.parametrize("spec", [{"spec": {}}, {}, {"spec": None}], ids=["empty", "absent", "null"])
def test_static_defaults_need_no_webhook(rest: Rest, unguarded: str, spec: dict[str, Any]) -> None:
    manifest = {**factory.database("orders", unguarded), "spec": None}
    del manifest["spec"]
    spec_stored = stored(rest, {**manifest, **spec})["spec"]
    assert {name: spec_stored.get(name) for name in STATIC_DEFAULTS} == STATIC_DEFAULTS
    assert not spec_stored.keys() & {"version", "replicas", "backupSchedule"}


def test_defaults_reach_into_what_is_given(rest: Rest, unguarded: str) -> None:
    spec = stored(rest, factory.database("orders", unguarded, backup={"suspended": True}))["spec"]
    assert spec["backup"] == {
        "suspended": True,
        "timeZone": "UTC",
        "fullEvery": "7d",
        "retention": {"days": 14},
        "finalBackup": False,
    }


def test_unknown_fields_are_pruned_with_a_warning_or_refused_when_strict(rest: Rest, unguarded: str) -> None:
    manifest = factory.database("orders", unguarded, replicsa=3)
    strict = rest.create(manifest, fieldValidation="Strict")
    assert strict.status == 400
    assert 'unknown field "spec.replicsa"' in strict.message
    lenient = rest.create(manifest)
    assert lenient.warnings == ('unknown field "spec.replicsa"',)
    assert "replicsa" not in lenient.expect()["spec"]


def test_pod_fields_of_the_template_are_not_pruned(rest: Rest, unguarded: str) -> None:
    toleration = {"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}
    affinity: dict[str, Any] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}
    template = {"tolerations": [toleration], "affinity": affinity}
    assert (
        stored(rest, factory.database("orders", unguarded, template=template))["spec"]["template"] == template
    )


@pytest.mark.parametrize("name", ["a" * 46, "Orders", "9lives", "or.ders", "orders-"])
def test_names_that_no_child_can_carry_are_refused_without_webhooks(
    rest: Rest, unguarded: str, name: str
) -> None:
    answer = rest.create(factory.database(name, unguarded))
    assert answer.status == 422
    assert "metadata.name" in answer.message


def test_a_name_of_45_characters_is_accepted(rest: Rest, unguarded: str) -> None:
    assert rest.create(factory.database("a" * 45, unguarded)).accepted
