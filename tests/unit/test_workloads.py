"""What every pod of ours has in common, whoever makes it; kube-score (`make verify`) sees other things."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from controller.kube.objects import Manifest
from deploy.manifests import objects
from tests.golden import GOLDEN

CALL_THE_API_SERVER = {"Deployment/keddah-controller", "StatefulSet/orders", "StatefulSet/ledger"}


def workloads() -> Iterator[tuple[str, Manifest]]:
    """Give the pod spec of everything that makes pods, by kind and name."""
    texts = [file.read_text() for file in sorted(GOLDEN.glob("*.yaml"))]
    children = [item for text in texts for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]
    for item in (*objects(), *children):
        template = item.get("spec", {}).get("jobTemplate", item).get("spec", {}).get("template", {})
        if "containers" in template.get("spec", {}):
            yield f"{item['kind']}/{item['metadata']['name']}", template["spec"]


WORKLOADS = dict(workloads())


def test_all_kinds_of_pods_are_looked_at() -> None:
    assert {name.partition("/")[0] for name in WORKLOADS} == {"Deployment", "StatefulSet", "CronJob"}
    assert set(WORKLOADS) > CALL_THE_API_SERVER


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_is_restricted_and_shares_nothing_with_its_node(name: str) -> None:
    pod = WORKLOADS[name]
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod.keys()
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        given = container["securityContext"]
        assert (given["allowPrivilegeEscalation"], given["readOnlyRootFilesystem"]) == (False, True)
        assert given["capabilities"] == {"drop": ["ALL"]}
        assert not [port for port in container.get("ports", ()) if "hostPort" in port]


@pytest.mark.parametrize("name", WORKLOADS)
def test_only_who_calls_the_api_server_has_a_token_for_it(name: str) -> None:
    assert (WORKLOADS[name].get("automountServiceAccountToken", True)) == (name in CALL_THE_API_SERVER)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_directory_in_memory_or_on_the_node_is_bounded(name: str) -> None:
    made = [volume["emptyDir"] for volume in WORKLOADS[name]["volumes"] if "emptyDir" in volume]
    assert not [volume for volume in made if "sizeLimit" not in volume]
