"""Somebody else's admission policy changes a child of ours back at each write."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.audit import Audit
from tests.children import condition, wait_condition
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.controlplane import ControlPlane
    from tests.kubectl import Kubectl
    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("controller")

_API = "admissionregistration.k8s.io/v1"
_POLICY, _BINDING = "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"
_NAME = "test-history"
_FIELD = "spec.revisionHistoryLimit"


@pytest.fixture
def meddler(rest: Rest, kubectl: Kubectl, unguarded: str) -> Iterator[str]:
    """Give a namespace in which every StatefulSet is made to keep seven revisions."""
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["statefulsets"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": unguarded}}
    mutation = {
        "patchType": "ApplyConfiguration",
        "applyConfiguration": {"expression": "Object{spec: Object.spec{revisionHistoryLimit: 7}}"},
    }
    spec: dict[str, Any] = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [mutation],
    }
    for kind, body in ((_POLICY, spec), (_BINDING, {"policyName": _NAME})):
        manifest = {"apiVersion": _API, "kind": kind, "metadata": {"name": _NAME}, "spec": body}
        rest.apply(manifest).expect()
    until(lambda: "7" in _tried(kubectl, unguarded), 30)
    yield unguarded
    _dismiss(rest)


def _dismiss(rest: Rest) -> None:
    for kind in (_BINDING, _POLICY):
        rest.delete(kind, None, _NAME)


def _tried(kubectl: Kubectl, namespace: str) -> str:
    """Tell what becomes of a StatefulSet now: a policy is in force some time after it was written."""
    labels = {"matchLabels": {"app": "x"}}
    pod = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "x", "namespace": namespace},
        "spec": {"selector": labels, "serviceName": "x", "template": pod},
    }
    how = ("create", "--dry-run=server", "-f", "-", "-o", "jsonpath={.spec.revisionHistoryLimit}")
    return kubectl(*how, stdin=json.dumps(manifest)).out


def test_what_somebody_changes_back_is_said_and_not_fought_over(
    rest: Rest, meddler: str, plane: ControlPlane
) -> None:
    rest.create(factory.submitted("orders", meddler, version="17")).expect()
    told = wait_condition(rest, meddler, "Reconciling", "ChildAltered", seconds=40)
    assert told["message"].startswith(f"StatefulSet orders: {_FIELD} differs again")
    log = Audit(plane.audit_log).end()
    time.sleep(8)
    fights = [e.what for e in log.since() if e.writes and e.namespace == meddler and e.name == "orders"]
    assert [what for what in fights if "statefulsets" in what] == []
    _dismiss(rest)

    def kept() -> bool:
        live = rest.get("StatefulSet", meddler, "orders") or {"spec": {}}
        return bool(live["spec"].get("revisionHistoryLimit") == 2)

    until(kept, 60)
    until(lambda: condition(rest, meddler, "Reconciling").get("reason") != "ChildAltered", 30)
