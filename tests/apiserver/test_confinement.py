"""What the controller's account may do by its rights, and is refused: whatever is not of keddah."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.kube.client import MANAGER
from controller.kube.kinds import DATABASE_LABEL
from tests.rest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.rest import Answer, Object

POD = {"containers": [{"name": "c", "image": "i"}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}
JOB = {"template": {"spec": {**POD, "restartPolicy": "Never"}}}
SPECS: dict[tuple[str, str], dict[str, Any]] = {
    ("v1", "Pod"): {"spec": POD},
    ("v1", "Secret"): {"stringData": {"a": "b"}},
    ("v1", "ConfigMap"): {"data": {"a": "b"}},
    ("v1", "Service"): {"spec": {"ports": [{"port": 80}]}},
    ("v1", "ServiceAccount"): {},
    ("v1", "PersistentVolumeClaim"): {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    ("apps/v1", "StatefulSet"): {
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "serviceName": "x", "replicas": 0}
        | {"template": TEMPLATE}
    },
    ("batch/v1", "Job"): {"spec": {**JOB, "suspend": True}},
    ("batch/v1", "CronJob"): {"spec": {"schedule": "0 0 29 2 *", "jobTemplate": {"spec": JOB}}},
    ("policy/v1", "PodDisruptionBudget"): {"spec": {"selector": {}, "minAvailable": 1}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {"spec": {"podSelector": {}}},
    ("rbac.authorization.k8s.io/v1", "Role"): {"rules": []},
}
"""Of each kind that the controller may write, something that somebody else has."""
DELETES = frozenset(
    {"Pod", "Secret", "ConfigMap", "Service", "StatefulSet", "Job", "CronJob", "NetworkPolicy"}
    | {"PersistentVolumeClaim"}
)
"""Kinds of which the controller may delete objects."""
NEVER_MADE = frozenset({"PersistentVolumeClaim"})
"""RBAC has no right for that."""
OURS = {DATABASE_LABEL: "orders"}


@pytest.fixture(scope="module")
def account(rest: Rest, controller_kubeconfig: Path, shared_namespace: str) -> Iterator[Rest]:
    """Give the controller's account, once the API server has read the policy."""
    user = Rest(controller_kubeconfig)
    # Nobody makes it here, and no pod is admitted without.
    everybodys = {"name": "default", "namespace": shared_namespace}
    rest.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": everybodys}).expect()
    probe = manifest("v1", "ConfigMap", shared_namespace, "probe")
    rest.create(probe).expect()
    until(lambda: user.merge("ConfigMap", shared_namespace, "probe", {"data": {"c": "d"}}).status == 403, 30)
    yield user
    user.close()


@pytest.fixture(scope="module")
def theirs(rest: Rest, shared_namespace: str) -> Callable[[str, str], Object]:
    """Give a maker of objects that somebody else has."""
    made: dict[str, Object] = {}

    def make(version: str, kind: str) -> Object:
        if kind not in made:
            made[kind] = manifest(version, kind, shared_namespace, "theirs")
            rest.create(made[kind]).expect()
        return made[kind]

    return make


def manifest(version: str, kind: str, namespace: str, name: str, **labels: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **SPECS[version, kind]}


def meant(found: Object | None) -> list[object]:
    """Give what people wrote of an object, and not what Kubernetes' controllers make of it."""
    assert found is not None
    metadata = found["metadata"]
    return [metadata.get("labels"), metadata.get("annotations"), found.get("spec"), found.get("data")]


def refused(answer: Answer, verb: str, kind: str, name: str = "theirs") -> bool:
    words = f"the account of keddah may not {verb} the {kind} {name}, which is not of keddah"
    return answer.status == 403 and words in answer.message


@pytest.mark.parametrize(("version", "kind"), list(SPECS))
def test_what_is_somebody_elses_is_not_changed_taken_over_or_deleted(
    account: Rest, rest: Rest, theirs: Callable[[str, str], Object], version: str, kind: str
) -> None:
    there = theirs(version, kind)
    namespace = there["metadata"]["namespace"]
    before = meant(rest.get(kind, namespace, "theirs"))
    change = {"metadata": {"annotations": {"a": "b"}}}
    answers = [account.merge(kind, namespace, "theirs", change)]
    # Not by giving it the label either.
    answers.append(account.merge(kind, namespace, "theirs", {"metadata": {"labels": OURS}}))
    answers.append(account.apply({**there, "metadata": {**there["metadata"], "labels": OURS}}))
    assert [refused(each, "UPDATE", kind) for each in answers] == [True] * 3, answers
    if kind in DELETES:
        assert refused(account.delete(kind, namespace, "theirs"), "DELETE", kind)
    assert meant(rest.get(kind, namespace, "theirs")) == before


@pytest.mark.parametrize(("version", "kind"), [each for each in SPECS if each[1] not in NEVER_MADE])
def test_nothing_is_made_that_does_not_say_whose_it_is(
    account: Rest, shared_namespace: str, version: str, kind: str
) -> None:
    # A dry run: pods are made by no other.
    bare = manifest(version, kind, shared_namespace, "bare")
    assert refused(account.create(bare, dryRun="All"), "CREATE", kind, "bare")
    ours = manifest(version, kind, shared_namespace, "ours", **OURS)
    assert account.create(ours, dryRun="All").accepted


def test_no_pod_is_made_at_all(account: Rest, shared_namespace: str) -> None:
    ours = manifest("v1", "Pod", shared_namespace, "ours", **OURS)
    assert refused(account.create(ours), "CREATE", "Pod", "ours")


def test_what_keddah_wrote_is_put_right_without_its_labels(
    account: Rest, rest: Rest, shared_namespace: str
) -> None:
    ours = manifest("v1", "ConfigMap", shared_namespace, "stripped", **OURS)
    account.apply(ours, manager=MANAGER).expect()
    rest.merge("ConfigMap", shared_namespace, "stripped", {"metadata": {"labels": None}}).expect()
    assert account.apply(ours, manager=MANAGER).expect()["metadata"]["labels"] == OURS
    assert account.delete("ConfigMap", shared_namespace, "stripped").accepted


def test_others_are_not_concerned(rest: Rest, shared_namespace: str) -> None:
    for version, kind in SPECS:
        assert rest.create(manifest(version, kind, shared_namespace, "any"), dryRun="All").accepted
