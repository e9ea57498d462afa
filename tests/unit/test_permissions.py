from __future__ import annotations

from controller.kube.kinds import (
    CHILDREN,
    DATABASE,
    KINDS,
    NODE,
    STORAGE_CLASS,
    WATCHED,
    WEBHOOK_CONFIGURATIONS,
    CertificateMode,
    watched,
)
from controller.kube.permissions import RULES, rules


def verbs(kind: str) -> set[str]:
    found = KINDS[kind]
    return {
        verb
        for rule in RULES
        if rule.group == found.group and found.plural in rule.resources
        for verb in rule.verbs
    }


def test_secrets_are_never_listed_or_watched() -> None:
    assert verbs("Secret") == {"get", "create", "patch", "delete"}


def test_nothing_is_granted_by_a_wildcard_and_nothing_escalates() -> None:
    for rule in RULES:
        assert "*" not in (rule.group, *rule.resources, *rule.verbs)
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule.verbs)


def test_every_rule_has_its_reason() -> None:
    assert all(rule.reason for rule in RULES)


def test_whatever_is_watched_may_be_listed_watched_and_read() -> None:
    for kind in WATCHED:
        assert verbs(kind) >= {"get", "list", "watch"}, kind


def test_where_cert_manager_makes_the_certificates_webhook_configurations_are_out_of_reach() -> None:
    role = rules("cluster", certificates=CertificateMode.CERT_MANAGER)
    assert all(rule["apiGroups"] != ["admissionregistration.k8s.io"] for rule in role)
    assert len(role) == len(rules("cluster")) - 1
    assert set(WATCHED) - set(watched(CertificateMode.CERT_MANAGER)) == set(WEBHOOK_CONFIGURATIONS)
    assert watched(CertificateMode.KEDDAH) == WATCHED


def test_no_claim_is_created_and_no_class_is_written() -> None:
    assert "create" not in verbs("PersistentVolumeClaim")
    assert verbs(STORAGE_CLASS) == {"get", "list", "watch"}
    assert "create" not in verbs(DATABASE)
    assert set(CHILDREN) <= set(KINDS)


def test_the_lease_is_bound_to_its_name_and_namespace() -> None:
    leases = [rule for rule in RULES if rule.resources == ("leases",)]
    assert {rule.scope for rule in leases} == {"operator"}
    assert [rule.names for rule in leases if "update" in rule.verbs] == [("keddah-controller",)]
    assert len(rules("operator")) == len(leases) + 1


def test_a_controller_of_some_namespaces_asks_for_nothing_of_the_cluster() -> None:
    kinds = watched(CertificateMode.CERT_MANAGER, ("a",))
    assert set(WATCHED) - set(kinds) == {STORAGE_CLASS, NODE, *WEBHOOK_CONFIGURATIONS}
    resources = {resource for rule in rules("databases") for resource in rule["resources"]}
    of_the_cluster = {kind.plural for kind in KINDS.values() if not kind.namespaced}
    # Whoever may read the one namespace needs a Role in it, and no ClusterRole.
    assert resources & of_the_cluster == {"namespaces"}
