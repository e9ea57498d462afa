"""What is accepted of a pod is what a real API server takes in a pod, and is declared as it declares it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.desired.instances.pod import pod_template
from controller.desired.instances.statefulset import statefulset
from deploy import pods
from schemas.admit import admit
from schemas.crd.definition import crd
from tests import admission, factory, pod_templates
from tests.children import KIND
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kubectl import Kubectl
    from tests.pod_templates import Spec
    from tests.rest import Answer, Object, Rest
    from tests.webhook_process import WebhookProcess

IMAGE = "none.example/postgres"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
BATCH = 20

Judge = "Callable[[Spec], Answer]"


@pytest.fixture(scope="module")
def shop(rest: Rest, shared_unguarded: str) -> str:
    """Give a namespace with the account that the pods have."""
    account = {"name": "orders-patroni", "namespace": shared_unguarded}
    rest.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}).expect()
    return shared_unguarded


@pytest.fixture(scope="module")
def judged(rest: Rest, shop: str) -> Callable[[Spec], Answer]:
    """Give the oracle: what the API server says of a pod with these parts, as written and completed."""

    def judge(spec: Spec) -> Answer:
        whole_spec = factory.complete_database(**spec)["spec"]
        pod = with_parts(pod_template(factory.typed_database(), IMAGE), whole_spec)
        pod["spec"]["volumes"].append({"name": "data", "emptyDir": {}})
        metadata = {"name": "orders-0", "namespace": shop, **pod["metadata"]}
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        return rest.create(whole, dryRun="All", fieldValidation="Strict")

    return judge


def with_parts(pod: Object, spec: Spec) -> Object:
    for name, part in spec.get("template", {}).items():
        if name in ("labels", "annotations"):
            pod["metadata"][name] = {**part, **pod["metadata"][name]}
        else:
            pod["spec"][name] = part
    if "resources" in spec:
        pod["spec"]["containers"][0]["resources"] = spec["resources"]
    return pod


def accepted(spec: Spec) -> bool:
    manifest = factory.complete_database(**spec)
    return admit(manifest, policy=factory.policy(), now=NOW).accepted


@pytest.mark.parametrize("spec", pod_templates.VALID, ids=str)
def test_what_we_accept_the_api_server_takes_in_pod_and_statefulset(
    rest: Rest, shop: str, judged: Callable[[Spec], Answer], spec: Spec
) -> None:
    assert accepted(spec)
    judged(spec).expect()
    db = factory.typed_database("orders", shop, **spec)
    ours = statefulset(db, pod_template(db, IMAGE), instances=1)
    ours["metadata"].pop("ownerReferences")
    rest.apply(ours, dryRun="All").expect()


@pytest.mark.parametrize(("spec", "path"), pod_templates.INVALID, ids=str)
def test_what_is_a_mistake_to_us_is_one_to_the_api_server(
    judged: Callable[[Spec], Answer], spec: Spec, path: str
) -> None:
    assert not accepted(spec), path
    answer = judged(spec)
    assert answer.status in (400, 403, 422), answer


@pytest.mark.parametrize(("spec", "path"), pod_templates.IN_VAIN, ids=str)
def test_what_only_we_refuse_is_known(judged: Callable[[Spec], Answer], spec: Spec, path: str) -> None:
    assert not accepted(spec), path
    judged(spec).expect()


def test_no_part_that_we_accept_is_refused_by_the_api_server(judged: Callable[[Spec], Answer]) -> None:
    taken: list[Spec] = []

    @settings(max_examples=40, deadline=None, database=None)
    @given(st.lists(pod_templates.specs(), min_size=BATCH, max_size=BATCH))
    def compare(specs: list[Spec]) -> None:
        for spec in specs:
            if accepted(spec):
                taken.append(spec)
                answer = judged(spec)
                assert answer.accepted, (spec, answer.message)

    compare()
    assert len(taken) > BATCH, "the generator makes too few that are right to tell anything"


def test_the_types_are_what_this_api_server_declares(rest: Rest) -> None:
    document = rest.send("GET", "/openapi/v3/api/v1").expect()
    for name, roots in pods.MODULES.items():
        assert pods.formatted(pods.module(document, roots)) == (pods.FOLDER / name).read_text(
            encoding="utf-8"
        )


def test_explain_shows_what_a_toleration_has(kubectl: Kubectl) -> None:
    told = kubectl.good("explain", "pgdb.spec.template.tolerations")
    assert {"effect", "key", "operator", "tolerationSeconds", "value"} <= set(told.split())
    assert "topologyKey" in kubectl.good(
        "explain", f"pgdb.spec.template.affinity.podAffinity.{pod_templates.REQUIRED}"
    )


UNKNOWN: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"tolerations": [{"key": "dedicated", "operator": "Equal", "values": "databases"}]},
        "spec.template.tolerations[0].values",
    ),
    ({"affinity": {"podaffinity": {}}}, "spec.template.affinity.podaffinity"),
    ({"topologySpreadConstraint": []}, "spec.template.topologySpreadConstraint"),
)


@pytest.mark.parametrize(("template", "path"), UNKNOWN, ids=str)
def test_kubectl_refuses_a_part_that_no_pod_has(
    kubectl: Kubectl, shop: str, template: dict[str, Any], path: str
) -> None:
    manifest = yaml.safe_dump(factory.database("orders", shop, template=template))
    output = kubectl("apply", "-f", "-", stdin=manifest)
    assert output.code == 1
    assert f'unknown field "{path}"' in output.err
    assert kubectl.good("get", "pgdb", "-n", shop) == ""


@pytest.mark.parametrize(
    "spec",
    [
        pod_templates.apart(labelSelector={}),
        pod_templates.spread(pod_templates.even(whenUnsatisfiable="Never")),
        pod_templates.preferring_nodes(101),
        pod_templates.tolerating(key=5),
    ],
    ids=str,
)
def test_types_and_what_is_required_hold_without_webhooks(rest: Rest, shop: str, spec: Spec) -> None:
    answer = rest.create(factory.database("orders", shop, **spec), dryRun="All")
    assert answer.status == 422
    assert "spec.template." in answer.message


@pytest.fixture
def older(rest: Rest, unguarded: str) -> str:
    """Give the namespace of a database that was stored when nobody looked into its template."""
    before = crd()
    spec = before["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    template = spec["properties"]["template"]["properties"]
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    template |= {"affinity": free, "tolerations": {"type": "array", "items": free}}
    bad = {
        "affinity": {"podAntiAffinity": {pod_templates.REQUIRED: [{"labelSelector": {}}]}},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "values": "databases"}],
    }
    stored = factory.complete_database("orders", unguarded, template=bad)
    try:
        rest.apply(before).expect()
        until(lambda: rest.create(stored, dryRun="All", fieldValidation="Strict").accepted)
        rest.create(stored).expect()
    finally:
        rest.apply(crd()).expect()
        until(lambda: not rest.create(stored, dryRun="All", fieldValidation="Strict").accepted)
    rest.merge("Namespace", None, unguarded, {"metadata": {"labels": {admission.UNGUARDED: None}}}).expect()
    return unguarded


def test_what_was_stored_with_mistakes_can_still_be_changed(
    rest: Rest, older: str, webhooks: WebhookProcess
) -> None:
    del webhooks
    until(lambda: not rest.create(factory.database("x", older, replicas=0), dryRun="All").accepted)
    change = {"metadata": {"labels": {"team": "shop"}}, "spec": {"replicas": 2, "hibernated": True}}
    rest.merge(KIND, older, "orders", change).expect()
    worse = {"spec": {"template": {"tolerations": [{"operator": "Is"}]}}}
    answer = rest.merge(KIND, older, "orders", worse)
    assert list(answer.causes) == ["spec.template.tolerations[0].operator"], answer
    mended = {"spec": {"template": {"affinity": None, "tolerations": [{"operator": "Exists"}]}}}
    after = rest.merge(KIND, older, "orders", mended).expect()
    assert after["spec"]["template"] == {"tolerations": [{"operator": "Exists"}]}
