"""A Prometheus with the rights of an account finds the pods that we make, by each way in which we ship that.

The pods have the labels and ports of the generated templates, and addresses; nothing runs in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.generate.monitoring.scraping import pod_monitors, scrape_configs
from deploy.local.build import PROMETHEUS, binaries
from deploy.manifests import objects
from tests import pod_monitors as operator
from tests.discovery import account, discovering
from tests.golden import GOLDEN
from tests.prometheus import Prometheus, started
from tests.rest import Object, Rest, token_kubeconfig
from tests.waiting import until

if TYPE_CHECKING:
    from deploy.local.controlplane import ControlPlane

OPERATOR = "keddah-system"
SHOP = "discovered"
ADDRESSES = (f"127.0.1.{number}" for number in range(1, 255))
"""Of this machine, where nobody listens: the targets are down, and that is all."""


def templates() -> Iterator[tuple[str, str, Object]]:
    """Give namespace, name and template of each pod that keddah and a database have."""
    for item in yaml.safe_load_all((GOLDEN / "full.yaml").read_text(encoding="utf-8")):
        name, spec = item["metadata"]["name"], item.get("spec") or {}
        if item["kind"] == "StatefulSet":
            yield SHOP, f"{name}-0", spec["template"]
        if item["kind"] == "CronJob":
            yield SHOP, f"{name}-1", spec["jobTemplate"]["spec"]["template"]
    for item in objects():
        if item["kind"] == "Deployment":
            yield OPERATOR, f"{item['metadata']['name']}-a", item["spec"]["template"]


def pod(rest: Rest, namespace: str, name: str, template: Object, phase: str = "Running") -> str:
    """Make a pod with the labels and ports of a template, and give it an address."""
    containers = [
        {"name": each["name"], "image": "none.example/none", "ports": each.get("ports", [])}
        for each in template["spec"]["containers"]
    ]
    metadata = {"name": name, "namespace": namespace, "labels": template["metadata"]["labels"]}
    spec = {"containers": containers, "automountServiceAccountToken": False}
    rest.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}).expect()
    address = next(ADDRESSES)
    status = {"status": {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]}}
    rest.merge("Pod", namespace, name, status, "status").expect()
    return address


@pytest.fixture(scope="module")
def addresses(rest: Rest) -> Iterator[dict[str, str]]:
    """Give the pods' addresses by name: those of keddah, of a database, and two that only seem to be."""
    for namespace in (OPERATOR, SHOP):
        rest.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).expect()
        account_of_pods = {"name": "default", "namespace": namespace}
        rest.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account_of_pods}).expect()
    ours = list(templates())
    instance = next(template for _, name, template in ours if name == "ledger-0")
    stranger: Object = {**instance, "metadata": {"labels": {"app.kubernetes.io/name": "postgresql"}}}
    found = {name: pod(rest, namespace, name, template) for namespace, name, template in ours}
    found["stranger"] = pod(rest, SHOP, "stranger", stranger)
    found["ended"] = pod(rest, SHOP, "ended", instance, "Failed")
    yield found
    for namespace, name, _ in ours:
        rest.delete("Pod", namespace, name, gracePeriodSeconds=0).expect()
    rest.delete("Namespace", None, SHOP).expect()


WAYS: dict[str, list[Object]] = {
    "PodMonitors": [job for monitor in pod_monitors() for job in operator.jobs(monitor)],
    "scrape-configs.yaml": scrape_configs()["scrape_configs"],
    "PodMonitors of some namespaces": [job for each in pod_monitors((SHOP,)) for job in operator.jobs(each)],
}


@pytest.mark.parametrize("way", WAYS)
def test_prometheus_finds_each_pod_once_and_what_it_is(
    plane: ControlPlane, rest: Rest, addresses: dict[str, str], tmp_path: Path, way: str
) -> None:
    kubeconfig = token_kubeconfig(plane.kubeconfig.read_text(), account(rest), tmp_path / "kubeconfig")
    told: dict[str, dict[str, Any]] = {
        f"http://{addresses['keddah-controller-a']}:8080/metrics": {
            "namespace": OPERATOR,
            "pod": "keddah-controller-a",
            "component": "controller",
        },
        f"http://{addresses['keddah-webhooks-a']}:8080/metrics": {
            "namespace": OPERATOR,
            "pod": "keddah-webhooks-a",
            "component": "webhooks",
        },
        f"http://{addresses['ledger-0']}:8187/metrics": {
            "namespace": SHOP,
            "pod": "ledger-0",
            "database": "ledger",
        },
    }
    programs = binaries(print, bundle=PROMETHEUS)
    with started(programs, tmp_path, discovering(WAYS[way], kubeconfig)) as prometheus:
        until(lambda: prometheus.targets().keys() >= told.keys(), 30, prometheus.story)
        assert labels(prometheus) == told


def labels(prometheus: Prometheus) -> dict[str, dict[str, str]]:
    """Give the labels of each target that alerts and the board know of; other tests may have pods, too."""
    names = ("namespace", "pod", "component", "database")
    found = {}
    for url, [each] in prometheus.targets().items():
        if each["namespace"] in (OPERATOR, SHOP):
            found[url] = {name: each[name] for name in names if name in each}
        job = "keddah-databases" if "database" in each else "keddah"
        assert each["job"].rpartition("/")[2] == job
    return found
