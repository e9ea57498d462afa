"""A real Prometheus that scrapes a cluster with the generated configuration, and its API.

Debian builds Prometheus without the discovery of Kubernetes. So this lists the pods that a job selects, gives
them the labels that discovery gives, and has Prometheus read that from files: relabelling, honor_labels and
all else are as generated. That the real discovery finds the same is tests/apiserver/test_discovery.py's.
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

    def targets(self) -> dict[str, list[dict[str, str]]]:
        """Give the labels of all targets, by the page that is scraped."""
        found: dict[str, list[dict[str, str]]] = {}
        for each in self._get("targets", state="active")["activeTargets"]:
            found.setdefault(each["scrapeUrl"], []).append(each["labels"])
        return found

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
    jobs = scrape_configs()["scrape_configs"]
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules(pace)))
    ended = threading.Event()
    discovery = threading.Thread(target=_discover, args=(cluster, folder, jobs, ended), daemon=True)
    try:
        discovery.start()
        rule_files = [f"{folder}/rules.yaml"]
        with started(prometheus(print), folder, _from_files(folder, jobs), rule_files=rule_files) as running:
            yield running
    finally:
        ended.set()


@contextmanager
def started(programs: Path, folder: Path, jobs: list[Object], **more: Any) -> Iterator[Prometheus]:  # noqa: ANN401
    """Start the Prometheus in a folder of programs with these jobs."""
    every = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE}
    configuration = {"global": every, "scrape_configs": jobs, **more}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                programs / "prometheus",
                f"--config.file={folder}/prometheus.yaml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        until(found.ready, why=lambda: (folder / "log").read_text()[-1000:])
        yield found
    finally:
        process.terminate()
        process.wait()


def _from_files(folder: Path, jobs: list[Object]) -> list[Object]:
    return [
        {key: value for key, value in job.items() if key != "kubernetes_sd_configs"}
        | {"file_sd_configs": [{"files": [f"{folder}/{job['job_name']}.json"]}]}
        for job in jobs
    ]


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
