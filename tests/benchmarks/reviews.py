"""What one admission server answers over TLS keep-alive: `python -m tests.benchmarks.reviews`.

The server is a process of its own on 127.0.0.1; this one is the client. Every figure is the median of rounds,
in which the kinds of review take turns, so that a busy machine touches all alike. `trivial` is a review that
no rule looks at: what HTTP, TLS, JSON and the client itself cost.

Where others use the machine, root can put them behind for the half minute that this takes:
`setsid -w sh -c 'echo -19 >/proc/self/autogroup; exec nice -n -19 python -m tests.benchmarks.reviews'`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import uvloop

from schemas.policy.defaults import completed
from tests import factory, reviews
from tests.burden import burdened
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

CONNECTIONS = 16
WARM_UP = 500
HEAD_END = b"\r\n\r\n"


class Case(NamedTuple):
    """A kind of review and what the issue asks of it, in milliseconds."""

    name: str
    request: bytes
    target: tuple[float, float]
    peer: tuple[float, float] | None


class Latency(NamedTuple):
    """One round, in milliseconds."""

    p50: float
    p99: float


def cases() -> list[Case]:
    """Give the reviews: a real object as `kubectl apply` sends it, before and after it is completed."""
    written = reviews.applied(
        factory.database(
            replicas=3,
            backupSchedule="30 3 * * *",
            parameters={"shared_buffers": "64MB", "work_mem": "8MB", "max_connections": "200"},
            hba=["hostssl app app 10.0.0.0/8 scram-sha-256"],
            resources={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
            storage={"size": "20Gi"},
        )
    )
    stored = completed(written, factory.policy())
    changed = {**stored, "spec": {**stored["spec"], "replicas": 2}}
    leaving = {**stored, "metadata": {**stored["metadata"], "deletionTimestamp": "2026-11-23T08:00:00Z"}}
    target = (0.5, 2.0)
    return [
        Case("trivial", request("/validate", reviews.update(leaving, leaving)), target, None),
        Case("mutate create", request("/mutate", reviews.creation(written)), target, (0.31, 1.29)),
        Case("validate create", request("/validate", reviews.creation(stored)), target, (0.26, 0.70)),
        Case("mutate update", request("/mutate", reviews.update(changed, stored)), target, (0.31, 1.29)),
        Case("validate update", request("/validate", reviews.update(changed, stored)), target, (0.26, 0.70)),
    ]


def request(path: str, review: dict[str, Any]) -> bytes:
    """Write a request as the API server does."""
    body = json.dumps(review, separators=(",", ":")).encode()
    head = (
        f"POST {path}?timeout=10s HTTP/1.1\r\nHost: keddah-webhooks.keddah-system.svc:443\r\n"
        "User-Agent: kube-apiserver-admission\r\nAccept: application/json, */*\r\n"
        f"Content-Type: application/json\r\nAccept-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def whole(answer: bytes | bytearray) -> bool:
    """Tell whether an answer has arrived; raises RuntimeError when it is not the one expected."""
    end = answer.find(HEAD_END)
    if end < 0:
        return False
    start = answer.find(b"content-length: ") + len(b"content-length: ")
    length = int(answer[start : answer.find(b"\r", start)])
    if len(answer) < end + len(HEAD_END) + length:
        return False
    if not answer.startswith(b"HTTP/1.1 200 ") or b'"allowed":true' not in answer:
        raise RuntimeError(answer.decode())
    return True


def call(connection: ssl.SSLSocket, content: bytes) -> float:
    """Make one call; returns its milliseconds."""
    started = time.perf_counter()
    connection.sendall(content)
    answer = connection.recv(65536)
    while not whole(answer):
        answer += connection.recv(65536)
    return (time.perf_counter() - started) * 1000


def latency(connection: ssl.SSLSocket, case: Case, calls: int) -> Latency:
    """Make calls one after another."""
    gc.disable()
    taken = sorted(call(connection, case.request) for _ in range(calls))
    gc.enable()
    return Latency(taken[len(taken) // 2], taken[len(taken) * 99 // 100])


class Caller(asyncio.Protocol):
    """One connection that calls as soon as it was answered."""

    def __init__(self, contents: Iterator[bytes], calls: int) -> None:
        self.contents = contents
        self.left = calls
        self.answer = bytearray()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make the first call."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(next(self.contents))

    def data_received(self, data: bytes) -> None:
        """Make the next call when this one is answered."""
        self.answer += data
        if not whole(self.answer):
            return
        self.answer.clear()
        self.left -= 1
        if self.left:
            self.transport.write(next(self.contents))
        else:
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report a call that got no answer."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed"))


async def rate(server: WebhookProcess, contents: list[bytes], calls: int) -> float:
    """Make calls over all connections at once, with every kind of review in turn; returns calls a second."""
    loop = asyncio.get_running_loop()
    trust = server.trust()
    turns = cycle(contents)
    started = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: Caller(turns, calls // CONNECTIONS),
            "127.0.0.1",
            server.port,
            ssl=trust,
            server_hostname="localhost",
        )
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(caller.done for _, caller in made))
    return calls / (time.perf_counter() - started)


def connect(server: WebhookProcess) -> ssl.SSLSocket:
    """Open a connection without Nagle's delay."""
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server.trust().wrap_socket(plain, server_hostname="localhost")


def row(what: str, target: str, peer: str, reached: str) -> None:
    """Print a row of the table."""
    print(f"| {what:<44} | {target:<16} | {peer:<13} | {reached:<15} |", flush=True)


def endurance(server: WebhookProcess, calls: int) -> None:
    """Print the memory after so many reviews, and in how far it grew in the last half of them."""
    contents = [case.request for case in cases()[1:]]
    half = calls // 2
    for asked in (half, half):
        began, before = time.perf_counter(), server.resident()
        uvloop.run(rate(server, contents, asked))
        grown = server.resident() - before
        row(
            f"{asked:,} reviews, {asked / (time.perf_counter() - began):,.0f}/s: RSS",
            "",
            "",
            f"{grown:+.1f} MiB",
        )
    row(f"RSS after {calls:,} reviews", "<= 64 MiB, flat", "", f"{server.resident():.1f} MiB")


def measure(server: WebhookProcess, rounds: int, calls: int) -> None:
    """Run everything and print the table."""
    kinds = cases()
    row("what", "target", "peer", "reached")
    row(*("-" * width for width in (44, 16, 13, 15)))
    row("RSS before any review", "", "", f"{server.resident():.0f} MiB")
    with connect(server) as connection:
        for case in kinds:
            latency(connection, case, WARM_UP)
        found = {case.name: [latency(connection, case, calls)] for case in kinds}
        for _ in range(rounds - 1):
            for case in kinds:
                found[case.name].append(latency(connection, case, calls))
    for case in kinds:
        p50, p99 = (statistics.median(values) for values in zip(*found[case.name], strict=True))
        peer = "{:.2f}, {:.2f} ms".format(*case.peer) if case.peer else ""
        target = "<= {}, {} ms".format(*case.target)
        row(f"{case.name}, 1 connection: p50, p99", target, peer, f"{p50:.2f}, {p99:.2f} ms")
    for name, contents in (
        ("trivial", [kinds[0].request]),
        ("mutate and validate", [case.request for case in kinds[1:3]]),
    ):
        before = server.processor_seconds()
        rates = [uvloop.run(rate(server, contents, calls * 3)) for _ in range(rounds)]
        spent = (server.processor_seconds() - before) / (rounds * calls * 3)
        peer = "6,800-7,750/s" if name != "trivial" else ""
        row(f"{name}, {CONNECTIONS} connections", ">= 3,000/s", peer, f"{statistics.median(rates):,.0f}/s")
        row(f"{name}, processor time a review", "", "", f"{spent * 1e6:.0f} us")
    row("RSS after the load", "<= 64 MiB", "57 MiB", f"{server.resident():.0f} MiB")
    burden = burdened(server)
    row("worst object of 3 MiB answered after", "<= 1000 ms", "", f"{burden.worst * 1000:.0f} ms")
    last = burden.others[-1] * 1000
    row("others meanwhile: p99, worst", "<= 100 ms", "", f"{burden.late * 1000:.0f}, {last:.0f} ms")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=2000, help="calls of each kind in one round")
    parser.add_argument("--endurance", type=int, default=0, help="only the memory after so many reviews")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, WebhookProcess(Path(folder)) as server:
        if chosen.endurance:
            endurance(server, chosen.endurance)
        else:
            measure(server, chosen.rounds, chosen.calls)


if __name__ == "__main__":
    main()
