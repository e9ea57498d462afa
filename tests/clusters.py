"""A cluster as its administrator sees it: kubectl for what users type, keep-alive HTTP for what tests ask.

Requests go through `kubectl proxy`, so that every way in which a kubeconfig may log in works here too.
"""

from __future__ import annotations

import http.client
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from controller.kube.kinds import LEASE
from tests import factory
from tests.kubectl import Output
from tests.readiness import ready, serves
from tests.reaper import running
from tests.rest import Object, Rest
from tests.waiting import until

OPERATOR = "keddah-system"
POLL = 0.1
"""Seconds between two looks: each costs a real API server some milliseconds on two processors."""


class ProxiedRest(Rest):
    """One user of an API server, by way of a `kubectl proxy`."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._headers = {}
        self._local = threading.local()
        self._opened = []

    def _connection(self) -> Any:  # noqa: ANN401 - plain HTTP where the base class has TLS
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(*self._address, timeout=30)
            self._local.connection = connection
            self._opened.append(connection)  # type: ignore[arg-type]
        return connection


@dataclass(frozen=True)
class Cluster:
    """kubectl and the API of one cluster."""

    environment: dict[str, str] = field(repr=False)
    rest: Rest = field(repr=False)

    def __call__(self, *arguments: str, stdin: str = "", seconds: float = 60) -> Output:
        """Run one kubectl command to its end."""
        done = subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            env=self.environment,
            capture_output=True,
            text=True,
            # Logs quote what could not be read.
            errors="replace",
            check=False,
            timeout=seconds,
        )
        return Output(done.returncode, done.stdout, done.stderr)

    def good(self, *arguments: str, stdin: str = "", seconds: float = 60) -> str:
        """Run one kubectl command that must succeed, and give what it printed."""
        done = self(*arguments, stdin=stdin, seconds=seconds)
        assert done.code == 0, f"kubectl {' '.join(arguments)}: {done.out}{done.err}"
        return done.out

    def page(self, pod: str, port: int, page: str) -> Object:
        """Read a page of a pod's HTTP server, by way of the API server."""
        where = f"/api/v1/namespaces/{OPERATOR}/pods/{pod}:{port}/proxy/{page}"
        return self.rest.send("GET", where, accept="*/*").expect()

    def operator_pods(self, component: str) -> list[Object]:
        """Give the pods of `controller` or `webhooks` that are not about to go."""
        label = f"app.kubernetes.io/name=keddah,app.kubernetes.io/component={component}"
        pods = self.rest.list("Pod", OPERATOR, labelSelector=label)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def leader(self) -> str:
        """Name the pod of the controller that acts."""

        def holder() -> str:
            lease = self.rest.get("Lease", OPERATOR, LEASE) or {"spec": {}}
            named = str(lease["spec"].get("holderIdentity") or "")
            return (
                named
                if named in (pod["metadata"]["name"] for pod in self.operator_pods("controller"))
                else ""
            )

        # Who held it may have gone just now: the next waits until the Lease has run out.
        return until(holder, 30, poll=POLL)

    def scale_operator(self, component: str, replicas: int) -> None:
        """Scale `controller` or `webhooks`, and wait until so many pods are ready and the rest are gone."""
        name = f"deployment/keddah-{component}"
        self.good("--namespace", OPERATOR, "scale", name, f"--replicas={replicas}")
        self.until_rolled_out(component)
        if replicas == 0:
            label = f"app.kubernetes.io/component={component}"
            gone = ("wait", "--for=delete", "pod", "-l", label, "--timeout=180s")
            self.good("--namespace", OPERATOR, *gone, seconds=190)

    def until_rolled_out(self, component: str) -> None:
        """Wait until the pods of `controller` or `webhooks` are all of the newest template, and ready."""
        rolled = ("rollout", "status", f"deployment/keddah-{component}", "--timeout=180s")
        self.good("--namespace", OPERATOR, *rolled, seconds=190)

    def until_operated(self) -> None:
        """Wait until all pods of keddah itself are ready, whatever was done to them before."""
        until(lambda: all(map(self._whole, ("controller", "webhooks"))), 60, poll=POLL)

    def node_ready(self, name: str) -> bool:
        """Whether a node is ready, as far as is known."""
        return ready(self.rest.get("Node", None, name) or {})

    def admits(self, namespace: str) -> bool:
        """Whether the API server is rid of its connections to an admission server that went with its node.

        Each such connection costs one call its time-out, for nobody has told the API server.
        """
        tried = factory.database("probe", namespace)
        return all(self.rest.create(tried, dryRun="All").accepted for _ in range(10))

    def _whole(self, component: str) -> bool:
        wished = self.rest.get("Deployment", OPERATOR, f"keddah-{component}")
        ready = [pod for pod in self.operator_pods(component) if serves(pod)]
        return wished is not None and len(ready) == wished["spec"]["replicas"]

    @contextmanager
    def without(self, component: str) -> Iterator[None]:
        """Be without the `controller` or the `webhooks` for a while."""
        before = self.rest.get("Deployment", OPERATOR, f"keddah-{component}")
        assert before
        self.scale_operator(component, 0)
        try:
            yield
        finally:
            self.scale_operator(component, before["spec"]["replicas"])


@contextmanager
def reached(environment: dict[str, str]) -> Iterator[Cluster]:
    """Reach the cluster of this KUBECONFIG for a while."""
    # Ctrl-C does not end it, for after that there is still something to put in order.
    with running("kubectl", "proxy", "--port=0", environment=environment) as proxy:
        line = proxy.stdout.readline() if proxy.stdout else ""
        assert line, "kubectl proxy did not start"
        rest = ProxiedRest(int(line.strip().rpartition(":")[2]))
        yield Cluster(environment, rest)
        rest.close()
