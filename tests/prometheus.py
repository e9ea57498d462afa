"""A real Prometheus that finds its targets as in any cluster, by what our PodMonitors say, and its API."""

from __future__ import annotations

import json
import math
import subprocess
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
from deploy.generate.monitoring.scraping import pod_monitors
from deploy.local.build import PROMETHEUS, binaries
from tests import pod_monitors as operator
from tests.backup_site import free_port
from tests.clusters import Cluster
from tests.discovery import account, discovering
from tests.rest import Object, token_kubeconfig
from tests.waiting import until

SCRAPE: Final = "2s"


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
    """Have it scrape what our PodMonitors select, with alerts that wait `pace` times as long."""
    administrator = cluster.good("config", "view", "--raw", "--minify", "--flatten")
    kubeconfig = token_kubeconfig(administrator, account(cluster.rest), folder / "kubeconfig")
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules(pace)))
    jobs = discovering([job for each in pod_monitors() for job in operator.jobs(each)], kubeconfig)
    programs, rule_files = binaries(print, bundle=PROMETHEUS), [f"{folder}/rules.yaml"]
    with started(programs, folder, jobs, rule_files=rule_files) as running:
        yield running


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
