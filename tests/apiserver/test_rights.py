"""Least privilege: the role of the controller suffices and is all used; the admission server has none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from controller.kube import permissions
from controller.kube.kinds import KINDS, WEBHOOK_CONFIGURATIONS, CertificateMode
from deploy.generate.admission import admission
from deploy.generate.variant import Variant
from tests import factory
from tests.audit import Audit, Entry
from tests.children import KIND, all_exist, condition, wait_condition
from tests.controller_process import ControllerProcess
from tests.installation import account_kubeconfig, tidy
from tests.job_kubelet import JobKubelet
from tests.kubelet import Kubelet
from tests.rest import Rest, path
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.controlplane import ControlPlane

CLASS = "rights"

UNSEEN = frozenset(
    {
        # Only checked where OwnerReferencesPermissionEnforcement is on, and then not as a request.
        ("keddah.dev", "postgresqldatabases/finalizers", "update"),
        # Of a server that runs and does not follow: tests/cluster/test_rebuild.py has one.
        ("", "pods/log", "get"),
        # Of a database that was restored from a deleted one: tests/cluster/test_restore.py has one.
        ("", "services", "delete"),
        ("networking.k8s.io", "networkpolicies", "delete"),
    }
)
"""What is needed and yet not asked for by any request of this run."""

AUDIT_READS = frozenset(
    (KINDS[kind].group, KINDS[kind].plural, "get")
    for kind in ("Pod", "Node", "PersistentVolumeClaim", "StorageClass", *WEBHOOK_CONFIGURATIONS)
)
"""Asked for only when a watch failed to tell of an object (controller/watches/audit.py)."""

HELD_TO_GRANT = frozenset({("", "pods", "patch"), ("", "pods", "get"), ("", "configmaps", "get")})
"""Held because whoever writes a Role must have what it grants."""


def granted() -> set[tuple[str, str, str]]:
    return {
        (rule.group, resource, verb)
        for rule in permissions.RULES
        # Those with cert-manager are used by tests/apiserver/test_issuer.py.
        if rule.only in (None, CertificateMode.KEDDAH)
        for resource in rule.resources
        for verb in rule.verbs
    }


@pytest.fixture(scope="module")
def entries(
    rest: Rest,
    plane: ControlPlane,
    controller_kubeconfig: Path,
    shared_namespace: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Entry]:
    """Give what a controller asked in a run that does everything, and what it was answered."""
    until(lambda: tidy(rest), 60)
    log = Audit(plane.audit_log).end()
    rest.delete("Lease", "keddah-system", "keddah-controller")
    for secret in ("keddah-webhooks-tls", "keddah-webhooks-ca"):
        rest.delete("Secret", "keddah-system", secret)
    for configuration in admission(Variant()):
        # As installed, but for objects that nobody makes: there is no admission server behind the Service.
        selector = {"matchLabels": {"test.keddah.dev/none": "here"}}
        hooks = [{**hook, "namespaceSelector": selector} for hook in configuration["webhooks"]]
        rest.apply({**configuration, "webhooks": hooks}).expect()
    folder = tmp_path_factory.mktemp("rights")
    try:
        with (
            ControllerProcess(folder, controller_kubeconfig) as process,
            Kubelet(rest, shared_namespace) as kubelet,
            JobKubelet(rest, shared_namespace),
        ):
            process.acting()
            _do_everything(rest, shared_namespace, kubelet)
            until(lambda: any(e.resource == "leases" and e.verb == "update" for e in log.since()))
        return list(log.since())
    finally:
        for configuration in admission(Variant()):
            rest.delete(configuration["kind"], None, configuration["metadata"]["name"])
        rest.delete("StorageClass", None, CLASS)


def _do_everything(rest: Rest, namespace: str, kubelet: Kubelet) -> None:
    manifest = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS},
        "provisioner": "test.keddah.dev/none",
        "allowVolumeExpansion": True,
    }
    rest.create(manifest).expect()
    storage = {"size": "1Gi", "storageClassName": CLASS}
    orders = factory.submitted(
        "orders", namespace, version="17", replicas=2, storage=storage, deletionPolicy="Delete"
    )
    rest.create(factory.limit_range(namespace, "1m")).expect()
    rest.create(orders).expect()
    wait_condition(rest, namespace, "Stalled", "PodsNotCreated")
    rest.delete("LimitRange", namespace, "small").expect()
    wait_condition(rest, namespace, "Ready", "Ready")
    # Two primaries: the one without the lock is told so.
    rest.merge(
        "Pod", namespace, "orders-1", {"metadata": {"labels": {"keddah.dev/role": "primary"}}}
    ).expect()
    until(lambda: _role(rest, namespace, "orders-1") == "standby", 20)
    # Lost and Ready once more, which makes a series of that event.
    lost = _uid(rest, namespace, "orders-1")
    rest.delete("Pod", namespace, "orders-1").expect()
    until(lambda: any(each.get("series") for each in rest.list("Event", namespace)), 20)
    until(lambda: _uid(rest, namespace, "orders-1") not in ("", lost), 20)
    wait_condition(rest, namespace, "Ready", "Ready")
    change: dict[str, Any] = {"storage": {"size": "2Gi"}, "resources": {"requests": {"cpu": "200m"}}}
    before = _uid(rest, namespace, "orders-1")
    rest.merge(KIND, namespace, "orders", {"spec": change}).expect()
    until(lambda: _uid(rest, namespace, "orders-1") not in ("", before), 40)
    kubelet.promote("orders", "orders-1")
    rest.delete(KIND, namespace, "orders").expect()
    until(lambda: rest.get(KIND, namespace, "orders") is None, 60)
    _meet_a_stranger(rest, namespace)
    _back_up(rest, namespace, storage)


def _meet_a_stranger(rest: Rest, namespace: str) -> None:
    """Let a child be there already, and be somebody else's: then all that seemed absent is looked at."""
    metadata = {"name": "taken-config", "namespace": namespace}
    rest.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}).expect()
    rest.create(factory.submitted("taken", namespace, version="17")).expect()
    wait_condition(rest, namespace, "Stalled", "ChildOwnedByOther", name="taken")


def _back_up(rest: Rest, namespace: str, storage: dict[str, str]) -> None:
    """Make a backup beside somebody else's CronJob and Job, and then declare none."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    job = {"template": {"spec": pod}}
    schedule = {"schedule": "0 0 29 2 *", "jobTemplate": {"spec": job}}
    taken = (
        _batch("CronJob", namespace, "saved-backup", schedule),
        _batch("Job", namespace, "saved-backup-first", {**job, "suspend": True}),
    )
    for each in taken:
        rest.create(each).expect()
    backup = {"repository": {"volume": storage}, "verify": {"schedule": ""}}
    saved = factory.submitted(
        "saved", namespace, version="17", replicas=1, storage=storage, backup=backup, backupSchedule="@daily"
    )
    rest.create(saved).expect()
    for each in taken:
        name = each["metadata"]["name"]
        until(partial(_stalled_over, rest, namespace, f"{each['kind']} {name} "), 60)
        rest.delete(each["kind"], namespace, name).expect()
        # That it is gone is told by no watch: it never had our label.
        rest.merge(KIND, namespace, "saved", {"metadata": {"labels": {"freed": each["kind"]}}}).expect()
    asked = {"metadata": {"annotations": {"keddah.dev/backup-now": "now"}}}
    rest.merge(KIND, namespace, "saved", asked).expect()
    wait_condition(rest, namespace, "BackedUp", "BackupRecent", name="saved", seconds=60)
    rest.merge(KIND, namespace, "saved", {"spec": {"backupSchedule": ""}}).expect()
    until(lambda: not rest.list("CronJob", namespace) and not rest.list("Job", namespace), 30)


def _batch(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _stalled_over(rest: Rest, namespace: str, child: str) -> bool:
    found = condition(rest, namespace, "Stalled", "saved")
    return found.get("reason") == "ChildOwnedByOther" and child in found["message"]


def _uid(rest: Rest, namespace: str, pod: str) -> str:
    return str((rest.get("Pod", namespace, pod) or {"metadata": {"uid": ""}})["metadata"]["uid"])


def _role(rest: Rest, namespace: str, pod: str) -> str | None:
    live = rest.get("Pod", namespace, pod) or {"metadata": {}}
    role: str | None = (live["metadata"].get("labels") or {}).get("keddah.dev/role")
    return role


def test_the_generated_role_suffices(entries: list[Entry]) -> None:
    assert sorted({entry.what for entry in entries if entry.forbidden}) == []


def test_every_right_in_the_table_is_used(entries: list[Entry]) -> None:
    used = {(entry.group, entry.resource, entry.verb) for entry in entries}
    # An apply that creates is a PATCH in the log, and the API server asks for the right to create as well.
    used |= {(entry.group, entry.resource, "create") for entry in entries if entry.created}
    idle = sorted(granted() - used - UNSEEN - AUDIT_READS - HELD_TO_GRANT)
    assert not idle, idle


def test_what_is_held_only_to_be_granted_is_granted_to_instances(
    rest: Rest, controller_kubeconfig: Path, shared_namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ControllerProcess(tmp_path_factory.mktemp("granting"), controller_kubeconfig) as process:
        process.acting()
        rest.create(factory.submitted("ledger", shared_namespace, version="17")).expect()
        until(lambda: all_exist(rest, shared_namespace, "ledger"), 40)
    role = rest.get("Role", shared_namespace, "ledger-patroni")
    assert role is not None
    given = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert given >= HELD_TO_GRANT
    assert given <= granted()


def test_secrets_are_neither_listed_nor_watched(entries: list[Entry]) -> None:
    assert not [e.what for e in entries if e.resource == "secrets" and e.verb in {"list", "watch"}]
    assert not {("", "secrets", verb) for verb in ("list", "watch", "deletecollection")} & granted()


def test_no_rule_has_a_wildcard_or_a_right_over_rights() -> None:
    words = {word for permission in granted() for word in permission}
    assert not words & {"*", "escalate", "bind", "impersonate", "approve"}


@pytest.fixture(scope="module")
def webhooks_user(
    rest: Rest, plane: ControlPlane, controller_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rest]:
    del controller_kubeconfig  # keddah is installed
    yield from user_of(rest, plane, "keddah-webhooks", tmp_path_factory.mktemp("webhooks"))


@pytest.fixture(scope="module")
def nobody(
    rest: Rest, plane: ControlPlane, controller_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rest]:
    """Give an account to which nobody ever gave anything."""
    del controller_kubeconfig  # the namespace is there
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "nobody", "namespace": "keddah-system"},
    }
    rest.create(account).expect()
    yield from user_of(rest, plane, "nobody", tmp_path_factory.mktemp("nobody"))


def user_of(rest: Rest, plane: ControlPlane, account: str, folder: Path) -> Iterator[Rest]:
    user = Rest(account_kubeconfig(rest, plane.kubeconfig, account, folder / "kubeconfig"))
    yield user
    user.close()


def rules_of(user: Rest, namespace: str) -> list[dict[str, Any]]:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = user.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review).expect()
    # The order is the authorizer's whim.
    return sorted(answer["status"]["resourceRules"], key=str)


@pytest.mark.parametrize("namespace", ["keddah-system", "default"])
def test_the_admission_server_can_do_nothing_that_not_everybody_can(
    webhooks_user: Rest, nobody: Rest, namespace: str
) -> None:
    assert rules_of(webhooks_user, namespace) == rules_of(nobody, namespace)
    for kind in ("Secret", "Pod", KIND):
        where = None if kind == KIND else namespace
        assert webhooks_user.send("GET", path(kind, where)).status == 403


def test_the_admission_server_gets_no_token_mounted(rest: Rest, controller_kubeconfig: Path) -> None:
    del controller_kubeconfig
    account = rest.get("ServiceAccount", "keddah-system", "keddah-webhooks")
    deployment = rest.get("Deployment", "keddah-system", "keddah-webhooks")
    assert account is not None
    assert deployment is not None
    pod = deployment["spec"]["template"]["spec"]
    assert pod.get("automountServiceAccountToken", account["automountServiceAccountToken"]) is False
