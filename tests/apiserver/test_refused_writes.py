"""What admission let pass and the API server refuses in a child: told once, in its words, till mended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from controller.desired.instances import pod
from controller.plan.outcome import Stalled
from tests import factory
from tests.children import condition, events
from tests.inprocess import InProcessController, clock
from tests.kubelet import Kubelet
from tests.pod_templates import REQUIRED

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.api.template import Template
    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "refused"
TYPO = {"tolerations": [{"key": "dedicated", "operator": "Equal", "values": "databases"}]}
NO_KEY = {"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": {"matchLabels": {"a": "b"}}}]}}}
NO_LIST = {"tolerations": {"key": "dedicated"}}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param(TYPO, ".values: field not declared in schema", id="500, for the schema of the apply"),
        pytest.param(NO_KEY, "topologyKey: Required value", id="422, of its code"),
        pytest.param(NO_LIST, "tolerations", id="of a wrong type"),
    ],
)
async def test_a_statefulset_that_is_refused_is_told_once_in_the_api_servers_words(
    rest: Rest,
    controller_kubeconfig: Path,
    tmp_path: Path,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    parts: dict[str, Any],
    words: str,
) -> None:
    ahead = timedelta(0)

    def now() -> datetime:
        return clock() + ahead

    policy = tmp_path / "policy.yaml"
    policy.write_text(factory.POLICY)
    whole = {"version": "17", "replicas": 1, "storage": {"storageClassName": CLASS}}
    rest.create(factory.submitted("orders", namespace, **whole)).expect()
    start = InProcessController.start(controller_kubeconfig, Kubelet(rest, namespace), policy, now=now)
    async with await start as controller:
        with monkeypatch.context() as passing:

            def mistaken(name: str, template: Template) -> dict[str, Any]:
                return {**placement(name, template), **parts}

            placement = pod._placement
            passing.setattr(pod, "_placement", mistaken)
            for _ in range(4):
                outcome = await controller.reconcile(namespace, "orders")
                assert isinstance(outcome, Stalled)
                assert outcome.reason == "WriteRefused"
                assert words in outcome.message
                told = condition(rest, namespace, "Stalled")
                assert (told["status"], told["reason"]) == ("True", "WriteRefused")
                assert told["message"].count(words) == 1
                ahead += timedelta(seconds=20)
            assert rest.get("StatefulSet", namespace, "orders") is None
            assert rest.get("Service", namespace, "orders") is not None
        await controller.send_events()
        assert sum(words in each for each in events(rest, namespace, "orders")) == 1
        ahead += timedelta(seconds=60)
        await controller.reconcile(namespace, "orders")
        assert rest.get("StatefulSet", namespace, "orders") is not None
        await controller.reconcile(namespace, "orders")
        assert condition(rest, namespace, "Stalled")["status"] == "False"
