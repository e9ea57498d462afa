"""A real `python -m webhooks`, with a policy and a serving pair of its own, on free ports of 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from controller.certificates import certificate, pki
from tests import probing
from tests.factory import POLICY

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 30
STARTED = re.compile(r"Started reviews=\S+:(\d+) probes=\S+:(\d+)")


class WebhookProcess:
    """One admission server; a context manager that ends it."""

    def __init__(self, folder: Path, *, pair: certificate.Pair | None = None, **environment: str) -> None:
        """Start it; keywords are its environment: `KEDDAH_DRAIN_SECONDS="1"`."""
        self.folder = folder
        self.log = folder / "log"
        now = datetime.now(UTC)
        self.authority = pki.issue_authority("webhooks", now=now, entropy=secrets.token_bytes)
        (folder / "tls").mkdir(parents=True)
        self.write_pair(pair or self.issue())
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)
        self.environment = {
            "KEDDAH_POLICY_FILE": str(self.policy),
            "KEDDAH_TLS_DIR": str(folder / "tls"),
            "KEDDAH_LISTEN": "127.0.0.1:0",
            "KEDDAH_METRICS_LISTEN": "127.0.0.1:0",
            "KEDDAH_DRAIN_SECONDS": "0.3",
            "KEDDAH_LOG_FORMAT": "Text",
            **environment,
        }
        self.process = self._start()
        self.port, self.probes_port = self._ports()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "webhooks"], env={**os.environ, **self.environment}, stderr=log
            )

    def _ports(self) -> tuple[int, int]:
        end = time.monotonic() + START_SECONDS
        while not (found := STARTED.search(self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise RuntimeError(f"did not start: {self.log.read_text()}")
            time.sleep(0.02)
        return int(found[1]), int(found[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def issue(self) -> certificate.Pair:
        """Make a serving pair of the process's authority."""
        names = ("localhost", "127.0.0.1")
        return pki.issue_server(self.authority, names, now=datetime.now(UTC), entropy=secrets.token_bytes)

    def write_pair(self, pair: certificate.Pair) -> None:
        """Put a serving pair where the process looks."""
        (self.folder / "tls" / "tls.crt").write_text(pair.crt)
        (self.folder / "tls" / "tls.key").write_text(pair.key)

    def trust(self) -> ssl.SSLContext:
        """Give a client's context that trusts the process."""
        context = ssl.create_default_context(cadata=self.authority.crt)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    def connect(self, timeout: float = 10) -> http.client.HTTPSConnection:
        """Give a connection of its own to the hooks."""
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.trust())

    def probe(self, path: str) -> tuple[int, str]:
        """Ask the probes' port."""
        return probing.probe(self.probes_port, path)

    def resident(self) -> float:
        """Give the process's resident memory in MiB."""
        return probing.resident(self.process.pid)

    def processor_seconds(self) -> float:
        """Give the processor time that the process has used, in seconds."""
        return probing.processor_seconds(self.process.pid)
