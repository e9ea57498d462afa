"""A private registry: pods pull with the Secrets that a database names, and say which of them is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factory
from tests.children import condition
from tests.inprocess import InProcessController
from tests.kubelet import Kubelet
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "private"
IMAGE = "keddah.dev/keddah-postgres:17.6"
POLICY = f"{factory.POLICY}imagePullSecrets: [{{name: registry}}, {{name: mirror}}]\n"


async def test_an_image_that_is_not_pulled_says_which_of_its_secrets_are_missing(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    whole = {"version": "17", "replicas": 1, "storage": {"storageClassName": CLASS}}
    rest.create(factory.submitted("orders", namespace, **whole)).expect()
    rest.create(secret("mirror", namespace)).expect()
    kubelet = Kubelet(rest, namespace)
    kubelet.missing = {IMAGE}
    async with await InProcessController.start(controller_kubeconfig, kubelet, policy) as controller:
        await controller.reconcile(namespace, "orders")
        (pod,) = until(lambda: rest.list("Pod", namespace))
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]
        kubelet.look()
        await controller.reconcile(namespace, "orders")
        told = condition(rest, namespace, "Ready")
        assert told["reason"] == "ImageNotPulled"
        assert told["message"] == (
            f'orders-0: Back-off pulling image "{IMAGE}"; '
            "imagePullSecrets: this namespace has no Secret registry"
        )
        rest.create(secret("registry", namespace)).expect()
        await controller.reconcile(namespace, "orders")
        assert "imagePullSecrets" not in condition(rest, namespace, "Ready")["message"]


def secret(name: str, namespace: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": namespace}
    data = {".dockerconfigjson": '{"auths": {}}'}
    kind = "kubernetes.io/dockerconfigjson"
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": data}
