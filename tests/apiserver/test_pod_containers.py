"""Variables, volumes and sidecars that we accept are what a real API server takes in a restricted pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.desired.instances.pod import pod_template
from controller.desired.instances.statefulset import statefulset
from controller.observe.drift import drift, stamp
from schemas.rules.volumes import TOKEN_DIRECTORY
from tests import container_parts, factory
from tests.children import KIND

if TYPE_CHECKING:
    from tests.container_parts import Template
    from tests.rest import Answer, Object, Rest

IMAGE = "none.example/postgres"


@pytest.fixture
def confined(rest: Rest, restricted: str) -> str:
    """Give a namespace for pods under Pod Security `restricted`, with their account."""
    account = {"name": "orders-patroni", "namespace": restricted}
    rest.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}).expect()
    return restricted


def made(rest: Rest, namespace: str, template: Template) -> Answer:
    """Ask for an instance's pod, which nobody keeps."""
    pod = pod_template(factory.typed_database("orders", namespace, template=template), IMAGE)
    pod["spec"]["volumes"].append({"name": "data", "emptyDir": {}})
    metadata = {"name": "orders-0", "namespace": namespace, **pod["metadata"]}
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
    return rest.create(whole, dryRun="All", fieldValidation="Strict")


def test_every_field_goes_into_the_pod_and_comes_back_as_it_was(rest: Rest, confined: str) -> None:
    given = factory.submitted("orders", confined, template=container_parts.WHOLE)
    stored = rest.create(given, fieldValidation="Strict").expect()
    assert stored["spec"]["template"] == container_parts.WHOLE
    made(rest, confined, container_parts.WHOLE).expect()
    db = factory.typed_database("orders", confined, template=container_parts.WHOLE)
    desired = statefulset(db, pod_template(db, IMAGE), instances=0)
    desired["metadata"].pop("ownerReferences")
    stamped = stamp(desired)
    rest.apply(stamped, manager="keddah").expect()
    live = rest.get("StatefulSet", confined, "orders") or {}
    assert drift(stamped, live) is None
    spec = live["spec"]["template"]["spec"]
    variables = {each["name"]: each for each in spec["containers"][0]["env"]}
    for variable in container_parts.WHOLE["env"]:
        assert variable["name"] in variables


def test_a_sidecar_has_no_token_and_postgresql_has(rest: Rest, confined: str) -> None:
    pod = made(rest, confined, container_parts.beside()).expect()
    (sidecar,) = pod["spec"]["initContainers"]
    assert mounted(sidecar, TOKEN_DIRECTORY) == ["no-token"]
    assert mounted(pod["spec"]["containers"][0], TOKEN_DIRECTORY)[0].startswith("kube-api-access-")


def mounted(container: Object, path: str) -> list[str]:
    return [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == path]


@pytest.mark.parametrize(("template", "path"), container_parts.INVALID, ids=str)
def test_what_is_a_mistake_to_us_is_one_to_the_api_server(
    rest: Rest, confined: str, template: Template, path: str
) -> None:
    answer = made(rest, confined, template)
    assert answer.status in (400, 403, 422), (path, answer)


@pytest.mark.parametrize(("template", "path"), container_parts.OURS, ids=str)
def test_what_only_we_refuse_is_known(rest: Rest, confined: str, template: Template, path: str) -> None:
    answer = made(rest, confined, template)
    assert answer.accepted, (path, answer)


@pytest.mark.parametrize(
    "template",
    [
        {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
        {"sidecars": [{"name": "a", "image": "i", "securityContext": {"privileged": True}}]},
        {"sidecars": [{"name": "a", "image": "i", "ports": [{"containerPort": 1, "hostPort": 1}]}]},
        {"sidecars": [{"name": "a", "image": "i", "lifecycle": {}}]},
        {"volumeMounts": [{"name": "a", "mountPath": "/a", "mountPropagation": "Bidirectional"}]},
    ],
    ids=str,
)
def test_what_pod_security_refuses_is_no_field(rest: Rest, confined: str, template: Template) -> None:
    given = factory.submitted("orders", confined, template=template)
    answer = rest.create(given, dryRun="All", fieldValidation="Strict")
    assert answer.status == 400
    assert "unknown field" in answer.message


def test_types_hold_without_webhooks(rest: Rest, unguarded: str) -> None:
    wrong = {
        "env": [{"name": "a b"}],
        "volumes": [{"name": "A", "secret": {}}],
        "volumeMounts": [{"name": "a"}],
        "sidecars": [{"name": "a", "readinessProbe": {"httpGet": {"port": "A"}, "periodSeconds": 0}}],
    }
    answer = rest.create(factory.database("orders", unguarded, template=wrong), dryRun="All")
    assert set(answer.causes) - {"<nil>"} == {
        "spec.template.env[0].name",
        "spec.template.volumes[0].name",
        "spec.template.volumes[0].secret.secretName",
        "spec.template.volumeMounts[0].mountPath",
        "spec.template.sidecars[0].image",
        "spec.template.sidecars[0].readinessProbe.httpGet.port",
        "spec.template.sidecars[0].readinessProbe.periodSeconds",
    }
    assert rest.get(KIND, unguarded, "orders") is None
