"""Events are a courtesy: a namespace that takes none holds up no database."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.children import KIND, all_exist, wait_condition
from tests.rest import path
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.controller_process import ControllerProcess
    from tests.rest import Rest

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NAME = "no-events.keddah.dev"


@pytest.fixture
def silent(rest: Rest, namespace: str) -> Iterator[str]:
    """Give a namespace in which the API server refuses every event, as in one that is being deleted."""
    rule = {
        "apiGroups": ["", "events.k8s.io"],
        "apiVersions": ["*"],
        "operations": ["*"],
        "resources": ["events"],
    }
    policy = {
        "metadata": {"name": NAME},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": f"request.namespace != '{namespace}'", "reason": "Forbidden"}],
        },
    }
    binding = {"metadata": {"name": NAME}, "spec": {"policyName": NAME, "validationActions": ["Deny"]}}
    kinds = {"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding}
    for plural, manifest in kinds.items():
        rest.send("POST", f"{ADMISSION}/{plural}", manifest).expect()
    until(
        lambda: rest.send("POST", path("Event", namespace), event(namespace)).status == http.client.FORBIDDEN,
        30,
    )
    before = len(rest.list("Event", namespace))
    yield namespace
    assert len(rest.list("Event", namespace)) == before
    for plural in kinds:
        rest.send("DELETE", f"{ADMISSION}/{plural}/{NAME}").expect()


def event(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "probe-", "namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal",
        "reason": "Probe",
        "action": "Probe",
        "reportingController": "keddah.dev/test",
        "reportingInstance": "test",
        "regarding": {"kind": "Namespace", "name": namespace, "namespace": namespace},
    }


def test_a_namespace_that_takes_no_events_holds_up_no_database(
    rest: Rest, controller: ControllerProcess, silent: str
) -> None:
    failed = controller.metric("keddah_reconciles_total", 'result="failed"')
    rest.create(factory.submitted("orders", silent, version="17", replicas=1)).expect()
    until(lambda: all_exist(rest, silent), 20)
    wait_condition(rest, silent, "Stalled", "NoDefaultStorageClass")
    database = rest.get(KIND, silent, "orders")
    assert database is not None
    assert database["status"]["observedGeneration"] == 1
    until(lambda: "Could not send an event" in controller.log.read_text(), 20, controller.log.read_text)
    assert controller.metric("keddah_reconciles_total", 'result="failed"') == failed
