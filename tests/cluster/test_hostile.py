"""A pod of a stranger does its worst to the admission server's port; the API server is served meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from deploy.generate.objects import WEBHOOKS
from tests import hostile_pod
from tests.client_pod import NAME as CLIENT
from tests.client_pod import client_pod
from tests.clusters import OPERATOR, Cluster
from tests.rounds import Rounds
from tests.serving import Calls

SECONDS = 30
LIMIT = 256 * 1024 * 1024
RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)$", re.MULTILINE)
DROPPED = re.compile(r"^keddah_webhook_dropped_connections_total\{.*\} (\S+)$", re.MULTILINE)


class Memory(Rounds):
    """Looks again and again at how much memory the admission servers have."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__("memory", every=1.0)
        self._cluster = cluster
        self.largest = 0.0
        self.dropped: dict[str, float] = {}

    def look(self) -> None:
        """Ask each pod."""
        for pod in self._cluster.operator_pods("webhooks"):
            name = pod["metadata"]["name"]
            where = f"/api/v1/namespaces/{OPERATOR}/pods/{name}:8080/proxy/metrics"
            done = self._cluster("get", "--raw", where)
            assert done.code == 0, done.err
            self.largest = max(self.largest, *map(float, RESIDENT.findall(done.out)))
            self.dropped[name] = sum(map(float, DROPPED.findall(done.out)))


def restarts(cluster: Cluster) -> dict[str, int]:
    pods = cluster.operator_pods("webhooks")
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}


def test_whatever_a_pod_sends_to_the_port_the_api_server_is_served(cluster: Cluster, namespace: str) -> None:
    cluster.until_operated()
    client_pod(cluster, namespace)
    before = restarts(cluster)
    program = Path(hostile_pod.__file__).read_text()
    host = f"{WEBHOOKS}.{OPERATOR}.svc"
    command = ["kubectl", "-n", namespace, "exec", "-i", CLIENT, "--", "python3", "-", host, str(SECONDS)]
    with Memory(cluster) as memory, Calls(cluster.rest, every=0.1) as calls:
        done = subprocess.run(
            command, input=program, env=cluster.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(told, memory.largest, memory.dropped, calls.made)
    assert calls.failed == []
    assert calls.made > SECONDS
    # It did what it is for, and nothing that it said was more than a mistake.
    assert told["opened"] == hostile_pod.CONNECTIONS
    assert set(told["answers"]) <= {"200", "400", "413", "none"}
    assert told["answers"]["200"] > 0
    assert told["answers"]["400"] > 0
    assert all(count > 0 for count in memory.dropped.values())
    # The pods are the same, with no restart, and had memory left.
    assert restarts(cluster) == before
    assert memory.largest < LIMIT * 0.9
