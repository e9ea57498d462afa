"""A real Prometheus that scrapes a cluster with the generated configuration, and its API.

Debian builds Prometheus without the discovery of Kubernetes. So this lists the pods that a job selects, gives
them the labels that discovery gives, and has Prometheus read that from files: relabelling, honor_labels and
all else are as generated.
"""

from __future__ import annotations

import json
import math
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from deploy.generate.monitoring.rules import rules
from deploy.generate.monitoring.scraping import scrape_configs
from deploy.local.prometheus import prometheus
from tests.backup_site import free_port
from tests.clusters import Cluster
from tests.rest import Object
from tests.waiting import until

SCRAPE: Final = "2s"
_LOOK_SECONDS: Final = 1.0
_META: Final = "__meta_kubernetes_"


@dataclass(frozen=True)
class Prometheus:
    """Its API."""

    address: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Evaluate an expression now: labels and value of each series that it gives."""
        found = self._get("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def numbers(self, expression: str) -> list[float]:
        """Give the values that are numbers."""
        return [value for _, value in self.query(expression) if math.isfinite(value)]

    def firing(self) -> list[dict[str, str]]:
        """Give the labels of every alert that fires, and what it says as `summary` and `description`."""
        alerts = self._get("alerts")["alerts"]
        return [{**each["labels"], **each["annotations"]} for each in alerts if each["state"] == "firing"]

    def fires(self, name: str, **labels: str) -> dict[str, str] | None:
        """Give an alert of that name with these labels, if one fires."""
        wanted = {"alertname": name, **labels}
        return next((each for each in self.firing() if wanted.items() <= each.items()), None)

    def story(self) -> str:
        """Tell what a person would look at first."""
        targets = [
            f"{each['labels']} {each['health']} {each['lastError']}"
            for each in self._get("targets")["activeTargets"]
        ]
        alerts = [f"{each['state']} {each['labels']}" for each in self._get("alerts")["alerts"]]
        return "\n".join([*targets, *alerts])

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urlopen(f"{self.address}/-/ready", timeout=5) as answer:  # noqa: S310 - it is http
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _get(self, what: str, **parameters: str) -> Any:  # noqa: ANN401
        where = f"{self.address}/api/v1/{what}?{urlencode(parameters)}"
        with urlopen(where, timeout=30) as answer:  # noqa: S310 - it is http
            return json.load(answer)["data"]


@contextmanager
def watching(cluster: Cluster, folder: Path, pace: float) -> Iterator[Prometheus]:
    """Have a Prometheus scrape keddah and all databases, with alerts that wait `pace` times as long."""
    port, jobs = free_port(), scrape_configs()["scrape_configs"]
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules(pace)))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_configuration(folder, jobs)))
    ended = threading.Event()
    discovery = threading.Thread(target=_discover, args=(cluster, folder, jobs, ended), daemon=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                prometheus(print) / "prometheus",
                f"--config.file={folder}/prometheus.yaml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        discovery.start()
        found = Prometheus(f"http://127.0.0.1:{port}")
        until(found.ready, why=lambda: (folder / "log").read_text()[-1000:])
        yield found
    finally:
        ended.set()
        process.terminate()
        process.wait()


def _configuration(folder: Path, jobs: list[Object]) -> Object:
    static = [
        {key: value for key, value in job.items() if key != "kubernetes_sd_configs"}
        | {"file_sd_configs": [{"files": [f"{folder}/{job['job_name']}.json"]}]}
        for job in jobs
    ]
    every = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE}
    return {"global": every, "rule_files": [f"{folder}/rules.yaml"], "scrape_configs": static}


def _discover(cluster: Cluster, folder: Path, jobs: list[Object], ended: threading.Event) -> None:
    """Keep the files of targets as the pods are."""
    while True:
        for job in jobs:
            text = json.dumps([target for pod in _selected(cluster, job) for target in _targets(pod)])
            file = folder / f"{job['job_name']}.json"
            if not file.exists() or file.read_text() != text:
                temporary = file.with_suffix(".new")
                temporary.write_text(text)
                temporary.replace(file)
        if ended.wait(_LOOK_SECONDS):
            return


def _selected(cluster: Cluster, job: Object) -> Iterator[Object]:
    [discovery] = job["kubernetes_sd_configs"]
    [selector] = discovery["selectors"]
    assert discovery["role"] == selector["role"] == "pod"
    for namespace in discovery.get("namespaces", {}).get("names", [None]):
        yield from cluster.rest.list("Pod", namespace, labelSelector=selector["label"])


def _targets(pod: Object) -> Iterator[Object]:
    """Give a target for each port of a pod, as discovery does, with the labels that it gives."""
    address = pod["status"].get("podIP")
    metadata = pod["metadata"]
    for container in pod["spec"]["containers"] if address else []:
        for port in container.get("ports", []):
            labels = {
                "namespace": metadata["namespace"],
                "pod_name": metadata["name"],
                "pod_phase": pod["status"]["phase"],
                "pod_container_name": container["name"],
                "pod_container_port_name": port.get("name", ""),
                **{f"pod_label_{name}": value for name, value in metadata.get("labels", {}).items()},
            }
            yield {
                "targets": [f"{address}:{port['containerPort']}"],
                "labels": {
                    _META + "".join(letter if letter.isalnum() else "_" for letter in name): value
                    for name, value in labels.items()
                },
            }
