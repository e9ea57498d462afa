from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from controller.desired import instances, labels, names
from controller.desired.repository import children as repository
from schemas.api.types import PostgreSQLDatabase
from tests.factory import typed_database

IMAGE = "keddah.dev/keddah-postgres:17.6"
Manifest = dict[str, Any]


def children(db: PostgreSQLDatabase | None = None, **changes: Any) -> tuple[Manifest, ...]:  # noqa: ANN401
    given = {"instances": 3, "operator_namespace": "keddah-system", **changes}
    return instances.children(db or typed_database(replicas=3), IMAGE, **given)


def child(kind: str, name: str, db: PostgreSQLDatabase | None = None, **changes: Any) -> Manifest:  # noqa: ANN401
    found = children(db, **changes)
    return next(m for m in found if (m["kind"], m["metadata"]["name"]) == (kind, name))


def template(db: PostgreSQLDatabase | None = None) -> Manifest:
    spec: Manifest = child("StatefulSet", "orders", db)["spec"]["template"]
    return spec


def test_equal_databases_give_equal_manifests() -> None:
    assert children() == children()


def test_what_is_referred_to_comes_before_what_refers_to_it() -> None:
    kinds = [m["kind"] for m in children()]
    assert kinds == [
        "ServiceAccount",
        "Role",
        "ConfigMap",
        "Service",
        "Service",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "RoleBinding",
        "StatefulSet",
    ]


@pytest.mark.parametrize("manifest", children(), ids=lambda m: f"{m['kind']} {m['metadata']['name']}")
def test_every_child_says_whose_it_is(manifest: Manifest) -> None:
    metadata = manifest["metadata"]
    assert metadata["namespace"] == "shop"
    assert metadata["labels"]["keddah.dev/database"] == "orders"
    owners = metadata.get("ownerReferences", [])
    if manifest["kind"] == "ConfigMap":
        assert owners == []
        assert_not_pruned(metadata)
    else:
        assert metadata["labels"]["app.kubernetes.io/instance"] == "orders"
        assert [(o["uid"], o["controller"]) for o in owners] == [("uid-of-orders", True)]


@pytest.mark.parametrize("name", ["a", "o" * 45])
def test_names_fit_their_kinds(name: str) -> None:
    for manifest in children(typed_database(name, replicas=9), instances=9):
        limit = 63 if manifest["kind"] in ("Service", "StatefulSet") else 253
        assert len(manifest["metadata"]["name"]) <= limit
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())
    assert len(names.pod(name, 99)) <= 63


def test_no_selector_finds_pods_of_another_database_or_component() -> None:
    mine, other = labels.instances("orders"), labels.common("orders-ro") | labels.patroni("orders-ro")
    backup = labels.common("orders", "backup")
    for manifest in children():
        selector = manifest.get("spec", {}).get("selector", {})
        wanted = selector.get("matchLabels", selector) or mine
        assert not wanted.items() <= other.items()
        assert not wanted.items() <= backup.items()


def test_services_lead_to_the_primary_the_standbys_and_every_pod() -> None:
    assert child("Service", "orders")["spec"]["selector"]["keddah.dev/role"] == "primary"
    assert child("Service", "orders-ro")["spec"]["selector"]["keddah.dev/role"] == "standby"
    headless = child("Service", "orders-pods")["spec"]
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"] is True
    assert "keddah.dev/role" not in headless["selector"]


def test_an_eviction_takes_one_instance_at_most() -> None:
    assert child("PodDisruptionBudget", "orders")["spec"]["maxUnavailable"] == 1


def test_patroni_is_reached_by_its_members_and_the_controller_alone() -> None:
    first, second, *_ = child("NetworkPolicy", "orders")["spec"]["ingress"]
    assert first == {"ports": [{"port": 5432, "protocol": "TCP"}]}
    assert [port["port"] for port in second["ports"]] == [8008]
    members, controller = second["from"]
    assert members == {"podSelector": {"matchLabels": labels.instances("orders")}}
    assert controller["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "keddah-system"}
    assert controller["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "controller"


def test_only_the_repository_and_the_jobs_reach_the_data_for_backups() -> None:
    *_, last, metrics = child("NetworkPolicy", "orders")["spec"]["ingress"]
    assert [port["port"] for port in last["ports"]] == [8432]
    reach = [peer["podSelector"]["matchLabels"] for peer in last["from"]]
    assert reach == [labels.repository("orders"), labels.backup("orders")]
    without = child("NetworkPolicy", "orders", typed_database(backupSchedule=""))["spec"]["ingress"]
    assert len(without) == 3
    assert without[-1] == metrics


def test_patroni_may_write_its_own_state_and_pods_only() -> None:
    rules = child("Role", "orders-patroni", maximum=9)["rules"]
    for rule in rules:
        assert rule["resources"] in (["configmaps"], ["pods"])
        assert set(rule["verbs"]) <= {"get", "list", "watch", "create", "patch"}
        if "patch" in rule["verbs"]:
            assert all(name.startswith("orders-") for name in rule["resourceNames"])
    written = [name for rule in rules for name in rule.get("resourceNames", [])]
    assert "orders-config" in written
    assert "orders-leader" in written
    assert "orders-8" in written
    assert "orders-9" not in written


def test_more_instances_than_the_policy_allows_today_keep_their_rights() -> None:
    for more in ("instances", "members", "maximum"):
        rules = child("Role", "orders-patroni", None, **{more: 11})["rules"]
        assert any("orders-10" in rule.get("resourceNames", []) for rule in rules), more


def test_a_hibernated_database_has_no_pods_and_keeps_all_else() -> None:
    assert child("StatefulSet", "orders", instances=0)["spec"]["replicas"] == 0
    assert len(children(instances=0)) == len(children())


def test_the_claim_template_stays_what_it_was_created_with() -> None:
    def size(**changes: Any) -> str:  # noqa: ANN401
        claims = child("StatefulSet", "orders", typed_database(storage={"size": "40Gi"}), **changes)["spec"]
        return str(claims["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])

    assert size() == "40Gi"
    old = {
        "metadata": {"labels": {"made": "before"}},
        "spec": {"resources": {"requests": {"storage": "20Gi"}}},
    }
    assert size(claim_template=old) == "20Gi"
    (kept,) = child("StatefulSet", "orders", claim_template=old)["spec"]["volumeClaimTemplates"]
    assert kept["metadata"] == {"name": "data", "labels": {"made": "before"}}


def test_volumes_carry_nothing_that_argo_or_flux_prune_by() -> None:
    (claim,) = child("StatefulSet", "orders")["spec"]["volumeClaimTemplates"]
    assert_not_pruned(claim["metadata"])


def assert_not_pruned(metadata: Manifest) -> None:
    assert "app.kubernetes.io/instance" not in metadata["labels"]
    assert metadata["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    assert metadata["annotations"]["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_a_storage_class_is_named_only_if_the_user_names_one() -> None:
    def claim(**storage: str) -> Manifest:
        spec = child("StatefulSet", "orders", typed_database(storage={"size": "1Gi", **storage}))["spec"]
        claimed: Manifest = spec["volumeClaimTemplates"][0]["spec"]
        return claimed

    assert "storageClassName" not in claim()
    assert claim(storageClassName="fast")["storageClassName"] == "fast"


def test_pods_are_never_replaced_behind_the_controllers_back_nor_their_claims_deleted() -> None:
    spec = child("StatefulSet", "orders")["spec"]
    assert spec["updateStrategy"] == {"type": "OnDelete"}
    assert spec["podManagementPolicy"] == "Parallel"
    retention = spec["persistentVolumeClaimRetentionPolicy"]
    assert retention == {"whenDeleted": "Retain", "whenScaled": "Retain"}


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"work_mem": "8MB"}},
        {"hba": ["host all app 10.0.0.0/8 scram-sha-256"]},
        {"synchronous": "Strict"},
        {"replicas": 5},
        {"storage": {"size": "20Gi"}},
        {"deletionPolicy": "Delete"},
        {"backupSchedule": "0 3 * * *"},
        {"backup": {"retention": {"days": 30}, "fullEvery": "1d"}},
    ],
    ids=str,
)
def test_what_a_running_instance_takes_over_does_not_change_its_template(change: dict[str, Any]) -> None:
    assert template(typed_database(**change)) == template(typed_database())


@pytest.mark.parametrize(
    "change",
    [
        {"resources": {"limits": {"memory": "1Gi"}}},
        {"template": {"labels": {"team": "payments"}}},
        {"template": {"nodeSelector": {"disk": "ssd"}}},
        {"version": "18"},
        {"backupSchedule": ""},
    ],
    ids=str,
)
def test_what_needs_a_new_pod_changes_the_template(change: dict[str, Any]) -> None:
    assert template(typed_database(**change)) != template(typed_database())


def test_another_image_changes_the_template() -> None:
    db = typed_database()
    given = {"instances": 1, "operator_namespace": "keddah-system"}
    assert instances.children(db, "a", **given)[-1] != instances.children(db, "b", **given)[-1]  # type: ignore[arg-type]


def test_pods_satisfy_restricted_pod_security() -> None:
    pod = template()["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "secret", "emptyDir", "projected"}


@pytest.mark.parametrize(
    ("resources", "shared"),
    [
        ({"limits": {"memory": "512Mi"}}, "256Mi"),
        ({"limits": {"memory": "16Gi"}, "requests": {"memory": "1Gi"}}, "8192Mi"),
        ({"requests": {"memory": "256Mi"}}, "1024Mi"),
        ({"requests": {"memory": "16Gi"}}, "8192Mi"),
    ],
)
def test_every_empty_volume_is_bounded(resources: dict[str, Any], shared: str) -> None:
    volumes = template(typed_database(resources=resources))["spec"]["volumes"]
    limits = {v["name"]: v["emptyDir"]["sizeLimit"] for v in volumes if "emptyDir" in v}
    own = {"tmp": "1Gi", "run": "16Mi", "shm": shared, "backup-run": "16Mi"}
    assert limits == {**own, "keddah-exporter": "1Mi", "no-token": "1Mi"}


@pytest.mark.parametrize(
    ("resources", "requested"),
    [
        ({"requests": {"cpu": "1"}}, "128Mi"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "1Gi"),
        # Without a request of its own Kubernetes requests as much as the limit.
        ({"limits": {"ephemeral-storage": "2Gi"}}, None),
    ],
)
def test_what_a_pod_usually_has_on_its_node_is_requested(
    resources: dict[str, Any], requested: str | None
) -> None:
    container = template(typed_database(resources=resources))["spec"]["containers"][0]
    assert container["resources"].get("requests", {}).get("ephemeral-storage") == requested
    assert container["resources"].get("limits", {}) == resources.get("limits", {})


def test_every_mount_has_its_volume() -> None:
    sts = child("StatefulSet", "orders")["spec"]
    pod = sts["template"]["spec"]
    volumes = {v["name"] for v in pod["volumes"]} | {
        c["metadata"]["name"] for c in sts["volumeClaimTemplates"]
    }
    others = {"keddah-certificates", "no-token"}
    assert {m["name"] for m in pod["containers"][0]["volumeMounts"]} == volumes - others
    assert {m["name"] for c in pod["containers"] for m in c["volumeMounts"]} == volumes


def test_the_users_labels_replace_none_of_keddahs() -> None:
    db = typed_database(template={"labels": {"keddah.dev/database": "theirs", "team": "payments"}})
    metadata = template(db)["metadata"]
    assert metadata["labels"]["keddah.dev/database"] == "orders"
    assert metadata["labels"]["team"] == "payments"


def test_pods_carry_the_labels_that_patroni_and_the_statefulset_look_for() -> None:
    carried = template()["metadata"]["labels"]
    assert labels.patroni("orders").items() <= carried.items()
    assert labels.instances("orders").items() <= carried.items()


def test_instances_spread_over_nodes_unless_the_user_spreads_them() -> None:
    (own,) = template()["spec"]["topologySpreadConstraints"]
    assert own["topologyKey"] == "kubernetes.io/hostname"
    theirs = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    db = typed_database(template={"topologySpreadConstraints": theirs})
    assert template(db)["spec"]["topologySpreadConstraints"] == theirs


def test_the_users_wishes_for_placement_reach_the_pod() -> None:
    wishes = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
    }
    assert wishes.items() <= template(typed_database(template=wishes))["spec"].items()


def test_the_kubelet_does_not_end_an_instance_that_clones_or_misses_the_api_server() -> None:
    container = template()["spec"]["containers"][0]
    startup, liveness = container["startupProbe"], container["livenessProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 24 * 3600
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60
    assert liveness["httpGet"]["path"] == "/liveness"
    assert {p["httpGet"]["scheme"] for p in (startup, liveness, container["readinessProbe"])} == {"HTTPS"}


def test_no_trouble_with_backups_or_metrics_makes_an_instance_not_ready() -> None:
    postgres, *others = template()["spec"]["containers"]
    names = [each["name"] for each in (postgres, *others)]
    assert names == ["postgres", "backup", "keddah-exporter"]
    assert not {"readinessProbe", "livenessProbe", "startupProbe"} & {key for each in others for key in each}
    bare = typed_database(backupSchedule="", monitoring={"enabled": False})
    (alone,) = template(bare)["spec"]["containers"]
    assert alone["name"] == "postgres"


def test_wal_is_archived_only_by_pods_that_can() -> None:
    def parameters(**changes: Any) -> Manifest:  # noqa: ANN401
        text = child("ConfigMap", "orders-config", **changes)["metadata"]["annotations"]["config"]
        found: Manifest = json.loads(text)["postgresql"]["parameters"]
        return found

    assert parameters()["archive_mode"] == "on"
    # Pods of a release that made no backups, which are replaced in their turn.
    without = template(typed_database(replicas=3, backupSchedule=""))
    assert "archive_mode" not in parameters(template=without)
    assert "archive_mode" not in parameters(db=typed_database(backupSchedule=""))


def test_no_password_is_in_any_manifest_but_the_secrets() -> None:
    container = template()["spec"]["containers"][0]
    passwords = [e for e in container["env"] if e["name"].endswith("_PASSWORD")]
    assert len(passwords) == 3
    assert all("secretKeyRef" in entry["valueFrom"] for entry in passwords)


def test_the_configuration_survives_the_database_and_is_found_by_patroni() -> None:
    manifest = child("ConfigMap", "orders-config")
    assert "ownerReferences" not in manifest["metadata"]
    assert labels.patroni("orders").items() <= manifest["metadata"]["labels"].items()
    assert yaml.safe_load(manifest["data"]["patroni.yml"])["scope"] == "orders"
    assert json.loads(manifest["metadata"]["annotations"]["config"])["ttl"] == 20


def test_the_accounts_have_the_users_annotations_and_pods_are_replaced_when_they_change() -> None:
    def database(annotations: dict[str, str] | None) -> PostgreSQLDatabase:
        account = {"serviceAccount": {"annotations": annotations}}
        return typed_database(replicas=3, **({"template": account} if annotations is not None else {}))

    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/orders"}
    db = database(role)
    account = child("ServiceAccount", "orders-patroni", db)
    assert account["metadata"]["annotations"] == repository.account(db)["metadata"]["annotations"] == role
    assert "annotations" not in child("ServiceAccount", "orders-patroni")["metadata"]
    assert "serviceAccount" not in template(db)["spec"]
    assert template(db) == template(database(dict(role)))
    assert template(db) != template(database({**role, "b": "c"})) != template(database({}))
    assert template(database({})) == template(database(None))
