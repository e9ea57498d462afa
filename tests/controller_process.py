"""A real `python -m controller`, with a user and a policy of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from tests import probing
from tests.factory import POLICY
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 30
_SAMPLE = re.compile(r"^(\w+?)(?:\{(.*)\})? (\S+)$")


class ControllerProcess:
    """One replica; a context manager that ends it."""

    def __init__(self, folder: Path, kubeconfig: Path, *, identity: str = "one", **environment: str) -> None:
        """Start it; keywords are its environment: `KEDDAH_WORKERS="2"`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.environment = {
            "KUBECONFIG": str(kubeconfig),
            "KEDDAH_POLICY_FILE": str(self.policy),
            "KEDDAH_METRICS_LISTEN": f"127.0.0.1:{self.port}",
            "KEDDAH_NAMESPACE": "keddah-system",
            "KEDDAH_IDENTITY": identity,
            "KEDDAH_LOG_FORMAT": "Text",
            **environment,
        }
        # A test run that is killed leaves no controller behind.
        setpriv = shutil.which("setpriv")
        prefix = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "controller"],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def acting(self) -> Self:
        """Wait until it leads and its caches are filled."""
        self.ready()
        until(
            lambda: self.ended() or self.metric("keddah_caches_filled") == 1,
            START_SECONDS,
            self.log.read_text,
        )
        assert not self.ended(), self.log.read_text()
        return self

    def ready(self) -> Self:
        """Wait until it is ready: to act, or to take over."""
        until(
            lambda: self.ended() or self.probe("/readyz")[0] == http.client.OK,
            START_SECONDS,
            self.log.read_text,
        )
        assert not self.ended(), self.log.read_text()
        return self

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def leads(self) -> bool:
        """Whether this replica acts."""
        return self.metric("keddah_leader") == 1

    def probe(self, path: str) -> tuple[int, str]:
        """Ask the health port; (0, "") when nobody answers."""
        try:
            return probing.probe(self.port, path)
        except OSError:
            return 0, ""

    def metric(self, name: str, *having: str) -> float:
        """Give the sum of a metric's samples whose labels hold all these words, such as `kind="Pod"`."""
        total = 0.0
        for line in self.probe("/metrics")[1].splitlines():
            sample = _SAMPLE.match(line)
            if sample and sample[1] == name and all(word in (sample[2] or "") for word in having):
                total += float(sample[3])
        return total

    def resident(self) -> float:
        """Give the process's resident memory in MiB."""
        return probing.resident(self.process.pid)
