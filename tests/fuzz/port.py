"""The port of a real admission server, under bytes that are nearly HTTP.

It must never end, fail a review or grow, and answers the next well-formed request rightly.
"""

from __future__ import annotations

import json
import random
import socket
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.burden import JSON, ORDINARY
from tests.fuzz import mutation, seeds
from tests.fuzz.targets import FaultError
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_MIB: Final = 160
"""Resident memory that the process may have; after 50,000 connections it has some 100, and no more later."""
LONGEST_SECONDS: Final = 5.0
CASES_BETWEEN_LOOKS: Final = 50
_PATIENCE: Final = 0.03
"""Seconds that an answer to nonsense is waited for."""
_HEAD: Final = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_CHUNKED: Final = (
    b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_ODD: Final = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b"\r\n\r\n",
        b"\xff\xfe",
        b"%00",
        b"HTTP/1.1",
        b"HTTP/9.9",
    ),
    *(
        b"Content-Length: 0\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 1e3\r\n",
    ),
    *(
        b"Content-Length: 99999999999999999999999\r\n",
        b"Content-Length: 0x10\r\n",
        b"Content-Length: \xc2\xb2\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Upgrade: websocket\r\n"),
    *(
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"5;x=y\r\nabcde\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"?timeout=9999s",
    ),
    *(
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"a" * 70_000,
        b"X: " + b"y" * 9000 + b"\r\n",
    ),
    *(
        b"A: b\r\n" * 3000,
        b"\x16\x03\x01\x02\x00",
        b"//",
        b"/../",
        b"Content-Encoding: gzip\r\n",
        b"charset=\xff",
    ),
)


def _requests() -> tuple[bytes, ...]:
    bodies = seeds.seeds("review")[:20]
    whole = tuple(_HEAD % (hook, len(body)) + body for body in bodies for hook in (b"mutate", b"validate"))
    chunks = tuple(
        _CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\nTrailer: x\r\n\r\n" for body in bodies[:5]
    )
    return (*whole, *chunks, b"GET /mutate HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")


def _pieces(request: bytes, chance: random.Random) -> Iterator[bytes]:
    """Break a request somewhere: in its head more often than in its body."""
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        end = min(len(request), chance.choice((len(request), 300, 300)))
        place = chance.randint(0, end)
        length = chance.choice((0, 0, 1, 2, 20))
        insert = chance.choice((chance.choice(_ODD), b"", chance.randbytes(chance.choice((1, 3, 200)))))
        request = request[:place] + insert + request[place + length :]
    if chance.random() < 0.2:
        request *= chance.choice((2, 3))
    while request:
        size = chance.choice((len(request), len(request), 1, 10, 1000))
        yield request[:size]
        request = request[size:]
        if size == 1 and chance.random() < 0.1:
            return


class _Run:
    def __init__(self, server: WebhookProcess, chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self._requests = _requests()
        self._trust = server.trust()
        self.largest = 0.0
        self.slowest = 0.0
        self.answers: dict[str, int] = {}

    def once(self) -> None:
        """Send one request of nonsense."""
        chance = self._chance
        request = chance.choice(self._requests)
        if chance.random() < 0.3:
            body = request.partition(b"\r\n\r\n")[2]
            body = mutation.mutated(body, chance, lambda text: text[::-1])
            request = _HEAD % (chance.choice((b"mutate", b"validate")), len(body)) + body
        encrypted = chance.random() < 0.9
        try:
            with socket.create_connection(("127.0.0.1", self._server.port), timeout=LONGEST_SECONDS) as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not encrypted:
                    self._talk(plain, request)
                    return
                with self._trust.wrap_socket(plain, server_hostname="localhost") as secret:
                    self._talk(secret, request)
        except TimeoutError:
            raise FaultError("no connection, or its handshake, in time") from None
        except OSError:
            self._count("closed")

    def _talk(self, connection: socket.socket, request: bytes) -> None:
        for piece in _pieces(request, self._chance):
            connection.sendall(piece)
        connection.settimeout(_PATIENCE)
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            self._count("silent")
            return
        status = answer[9:12].decode(errors="replace") if answer.startswith(b"HTTP/1.1 ") else "none"
        self._count(status)
        if status.startswith("5"):
            raise FaultError(f"answered {status}")

    def _count(self, what: str) -> None:
        self.answers[what] = self.answers.get(what, 0) + 1

    def look(self) -> None:
        """Ask as the API server does, and look at the process."""
        started = time.monotonic()
        connection = self._server.connect(timeout=LONGEST_SECONDS)
        connection.request("POST", "/validate", ORDINARY, JSON)
        answer = connection.getresponse()
        if answer.status != HTTPStatus.OK or b'"allowed":true' not in answer.read():
            raise FaultError(f"an ordinary review was answered {answer.status}")
        connection.close()
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.largest = max(self.largest, self._server.resident())
        if self.largest > LARGEST_MIB:
            raise FaultError(f"the process has {self.largest:.0f} MiB")
        if "Failed a review" in (log := self._server.log.read_text()) or "Traceback" in log:
            raise FaultError("a review failed; the log says where")
        self._server.log.write_text("")


def fuzz(folder: Path, seconds: float, seed: int) -> None:
    """Send nonsense for so long; raises FaultError or OSError at the first fault, with the log's end."""
    chance = random.Random(seed)  # noqa: S311
    end = time.monotonic() + seconds
    count = 0
    with (
        tempfile.TemporaryDirectory() as own,
        WebhookProcess(Path(own), KEDDAH_DEADLINE_SECONDS="1") as server,
    ):
        run = _Run(server, chance)
        try:
            while time.monotonic() < end:
                run.once()
                count += 1
                if count % CASES_BETWEEN_LOOKS == 0:
                    run.look()
        except (FaultError, OSError):
            (folder / "faults").mkdir(parents=True, exist_ok=True)
            (folder / "faults" / f"port-{seed}-{count}.log").write_text(server.log.read_text())
            raise
        finally:
            report = {
                "target": "port",
                "seed": seed,
                "executions": count,
                "minutes": round((seconds - end + time.monotonic()) / 60, 1),
                "largest_mib": round(run.largest),
                "slowest_seconds": round(run.slowest, 3),
                "answers": run.answers,
            }
            (folder / "port.json").write_text(json.dumps(report, indent=1))
