from __future__ import annotations

from controller.kube.kinds import (
    CHILDREN,
    DATABASE,
    KINDS,
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
    role = rules("cluster", CertificateMode.CERT_MANAGER)
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
    assert {rule.scope for rule in leases} == {"namespace"}
    assert [rule.names for rule in leases if "update" in rule.verbs] == [("keddah-controller",)]
    assert len(rules("namespace")) == len(leases)
