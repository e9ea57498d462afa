from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.desired.instances.policies import CONTROLLER_LABELS
from deploy.documentation.pages import PICTURES, REFERENCE, picture_files, reference_files
from deploy.generate.document import documents
from deploy.generate.policy import policy_text
from deploy.manifests import (
    INSTALL,
    differences,
    install_files,
    objects,
    overlay_files,
    write,
)
from schemas.policy.extensions import available
from schemas.policy.policy import PolicyError, parse
from tests.kubernetes_versions import mistakes

Manifest = dict[str, Any]
OBJECTS = objects()
CLUSTER_WIDE = {
    "Namespace",
    "PriorityClass",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def found(kind: str, name: str) -> Manifest:
    return next(o for o in OBJECTS if (o["kind"], o["metadata"]["name"]) == (kind, name))


def pod_of(name: str) -> Manifest:
    spec: Manifest = found("Deployment", name)["spec"]["template"]["spec"]
    return spec


def hooks() -> dict[str, Manifest]:
    kinds = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    return {hook["name"]: hook for kind in kinds for hook in found(kind, "keddah")["webhooks"]}


def test_what_is_committed_is_what_the_code_says() -> None:
    assert differences(INSTALL, install_files()) == []
    assert differences(REFERENCE, reference_files()) == []
    assert differences(PICTURES, picture_files()) == []


def test_kustomize_applies_every_file() -> None:
    listed = yaml.safe_load((INSTALL / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in INSTALL.iterdir()}


def test_every_namespaced_object_is_in_the_operators_namespace() -> None:
    for item in OBJECTS:
        namespace = item["metadata"].get("namespace")
        assert namespace == (None if item["kind"] in CLUSTER_WIDE else "keddah-system"), item["kind"]


def test_the_namespace_admits_restricted_pods_only() -> None:
    labels = found("Namespace", "keddah-system")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", ["keddah-controller", "keddah-webhooks"])
def test_the_operators_pods_are_restricted_and_two(name: str) -> None:
    assert found("Deployment", name)["spec"]["replicas"] == 2
    assert found("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
    pod = pod_of(name)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", ["keddah-controller", "keddah-webhooks"])
def test_selectors_find_the_pods_of_their_own_deployment(name: str) -> None:
    spec = found("Deployment", name)["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    other = {"keddah-controller": "keddah-webhooks", "keddah-webhooks": "keddah-controller"}[name]
    others = found("Deployment", other)["spec"]["template"]["metadata"]["labels"]
    assert not spec["selector"]["matchLabels"].items() <= others.items()


def test_databases_let_the_controllers_pods_in() -> None:
    labels = found("Deployment", "keddah-controller")["spec"]["template"]["metadata"]["labels"]
    assert CONTROLLER_LABELS.items() <= labels.items()


def test_the_admission_server_can_do_nothing() -> None:
    bindings = [o for o in OBJECTS if o["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    assert all(s["name"] != "keddah-webhooks" for binding in bindings for s in binding["subjects"])
    assert found("ServiceAccount", "keddah-webhooks")["automountServiceAccountToken"] is False
    assert pod_of("keddah-webhooks")["automountServiceAccountToken"] is False
    network = found("NetworkPolicy", "keddah-webhooks")["spec"]
    assert network["egress"] == []
    assert "Egress" in network["policyTypes"]


def test_the_controller_reaches_an_api_server_on_any_port() -> None:
    assert found("NetworkPolicy", "keddah-controller")["spec"]["policyTypes"] == ["Ingress"]


def test_a_drain_and_a_full_node_leave_somebody_who_answers() -> None:
    priority = found("PriorityClass", "keddah")
    for name in ("keddah-controller", "keddah-webhooks"):
        budget = found("PodDisruptionBudget", name)["spec"]
        assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        pod = pod_of(name)
        assert pod["priorityClassName"] == priority["metadata"]["name"]
        spread = [each["topologyKey"] for each in pod["topologySpreadConstraints"]]
        assert spread == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        assert found("Deployment", name)["spec"]["replicas"] > budget["maxUnavailable"]


def test_secrets_are_never_listed() -> None:
    for role in (o for o in OBJECTS if o["kind"] in ("Role", "ClusterRole")):
        for rule in role["rules"]:
            if "secrets" in rule["resources"]:
                assert not {"list", "watch", "*"} & set(rule["verbs"])


def test_the_service_leads_to_the_admission_servers_port() -> None:
    (port,) = found("Service", "keddah-webhooks")["spec"]["ports"]
    (container,) = pod_of("keddah-webhooks")["containers"]
    assert port["port"] == 443
    assert {p["name"]: p["containerPort"] for p in container["ports"]}[port["targetPort"]] == 8443


def test_every_hook_is_called_as_agreed() -> None:
    assert set(hooks()) == {
        "mutate.keddah.dev",
        "validate.keddah.dev",
        "protect.keddah.dev",
        "scale.keddah.dev",
    }
    for name, hook in hooks().items():
        assert hook["failurePolicy"] == "Fail"
        assert hook["sideEffects"] == "None"
        assert hook["timeoutSeconds"] == 5
        assert hook["matchPolicy"] == "Equivalent"
        path = "/mutate" if name.startswith("mutate") else "/validate"
        service = {"name": "keddah-webhooks", "namespace": "keddah-system", "path": path, "port": 443}
        assert hook["clientConfig"] == {"service": service}
    assert hooks()["mutate.keddah.dev"]["reinvocationPolicy"] == "IfNeeded"


def test_only_what_is_protected_waits_for_an_admission_server_to_be_deleted() -> None:
    deletes = {n: h for n, h in hooks().items() if "DELETE" in h["rules"][0]["operations"]}
    assert list(deletes) == ["protect.keddah.dev"]
    (condition,) = deletes["protect.keddah.dev"]["matchConditions"]
    assert "oldObject.spec.?deletionProtection" in condition["expression"]


def test_objects_on_their_way_out_are_not_judged() -> None:
    for name in ("mutate.keddah.dev", "validate.keddah.dev"):
        conditions = {each["name"]: each["expression"] for each in hooks()[name]["matchConditions"]}
        assert conditions["not-deleted"] == "!has(object.metadata.deletionTimestamp)"


def test_neither_kubernetes_itself_nor_the_controller_waits_for_an_admission_server() -> None:
    account = "system:serviceaccount:keddah-system:keddah-controller"
    for name, hook in hooks().items():
        (selected,) = hook["namespaceSelector"]["matchExpressions"]
        assert (selected["operator"], selected["values"]) == ("NotIn", ["kube-system"])
        conditions = {each["name"]: each["expression"] for each in hook.get("matchConditions", [])}
        if name in ("mutate.keddah.dev", "validate.keddah.dev"):
            assert conditions["not-the-controller"] == f"request.userInfo.username != '{account}'"
            assert "object.spec != oldObject.spec" in conditions["changed"]


def test_the_installed_policy_is_right_and_defaults_to_its_newest_major() -> None:
    policy = parse(found("ConfigMap", "keddah-policy")["data"]["policy.yaml"])
    assert policy.default_version == "18"
    assert all(release.end_of_life for release in policy.catalogue)


def test_a_catalogue_of_nothing_known_is_refused() -> None:
    with pytest.raises(PolicyError):
        policy_text([{"version": "17.6"}, {"version": "17.6"}], "keddah.dev", "0.1.0")


def test_an_overlay_takes_every_image_from_the_registry(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text('- version: "18.9"\n', encoding="utf-8")
    files = overlay_files(tmp_path / "overlay", registry="r.example/db", tag="7", catalogue=catalogue)
    kustomization = yaml.safe_load(files["kustomization.yaml"])
    assert kustomization["images"] == [
        {
            "name": "keddah.dev/keddah-operator",
            "newName": "r.example/db/keddah-operator",
            "newTag": "7",
        }
    ]
    policy = parse(yaml.safe_load(files["policy.yaml"])["data"]["policy.yaml"])
    assert [(r.version, r.image) for r in policy.catalogue] == [("18.9", "r.example/db/keddah-postgres:7")]


def test_an_overlay_can_have_the_larger_image_with_what_that_has(tmp_path: Path) -> None:
    policies = [
        parse(yaml.safe_load(files["policy.yaml"])["data"]["policy.yaml"])
        for files in (
            overlay_files(tmp_path, registry="r.example", tag="7", database_image=name)
            for name in ("keddah-postgres", "keddah-postgres-extensions")
        )
    ]
    usual, larger = (each.release("18") for each in policies)
    assert usual is not None
    assert larger is not None
    assert (usual.image, larger.image) == (
        "r.example/keddah-postgres:7",
        "r.example/keddah-postgres-extensions:7",
    )
    assert ["postgis" not in (available(each, "18") or {}) for each in policies] == [True, False]
    asked = ("vector", "pg_cron", "pg_partman", "pg_repack", "pgaudit", "hypopg", "pg_stat_statements")
    for version in ("17", "18"):
        missing = [
            name for name in asked for each in policies if name not in (available(each, version) or {})
        ]
        assert missing == []


def test_a_policy_with_its_extensions_is_small() -> None:
    assert len(found("ConfigMap", "keddah-policy")["data"]["policy.yaml"]) < 10_000


def test_an_overlay_has_what_somebody_changed_of_the_policy(tmp_path: Path) -> None:
    changes = tmp_path / "changes.yaml"
    changes.write_text("minorUpgrades: {atOnce: 5}\ndefaultVersion: '17'\n", encoding="utf-8")
    files = overlay_files(tmp_path, registry="r.example", tag="7", changes=changes)
    policy = parse(yaml.safe_load(files["policy.yaml"])["data"]["policy.yaml"])
    assert (policy.minor_upgrades.at_once, policy.default_version) == (5, "17")
    assert {release.image for release in policy.catalogue} == {"r.example/keddah-postgres:7"}
    changes.write_text("minorUpgrades: {atOnce: 0}\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="atOnce"):
        overlay_files(tmp_path, registry="r.example", tag="7", changes=changes)


def test_an_overlay_for_a_private_registry_pulls_with_its_secret(tmp_path: Path) -> None:
    files = overlay_files(tmp_path, registry="r.example", tag="7", pull_secret="regcred")
    policy = parse(yaml.safe_load(files["policy.yaml"])["data"]["policy.yaml"])
    assert [secret.name for secret in policy.image_pull_secrets] == ["regcred"]
    (_, patch) = yaml.safe_load(files["kustomization.yaml"])["patches"]
    assert patch["target"] == {"kind": "Deployment"}
    assert "regcred" not in "".join(overlay_files(tmp_path, registry="r.example", tag="7").values())


def test_differences_name_what_is_missing_changed_and_left_over(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "a", "b.yaml": "b", "c.yaml": "c"})
    told = differences(tmp_path, {"a.yaml": "a", "b.yaml": "other", "d.yaml": "d"})
    assert told == [
        "d.yaml is missing",
        "c.yaml is not generated any more",
        "b.yaml is not what the code says",
    ]
    write(tmp_path, {"a.yaml": "a"})
    assert differences(tmp_path, {"a.yaml": "a"}) == []


def test_equal_parts_are_written_out_and_long_text_stays_readable() -> None:
    shared = {"a": "1"}
    text = documents([{"x": shared, "y": shared, "text": "one\ntwo\n"}])
    assert "&" not in text
    assert "text: |\n  one\n  two\n" in text


def test_a_field_that_a_version_of_kubernetes_lacks_is_a_mistake() -> None:
    service = found("Service", "keddah-webhooks")
    assert not mistakes(service, "1.30")
    assert "1.30: Service keddah-webhooks" in mistakes({**service, "spec": {"portz": []}}, "1.30")
