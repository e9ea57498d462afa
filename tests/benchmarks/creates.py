"""What both webhooks add to a create at a real API server: `python -m tests.benchmarks.creates`.

The same CRD in the same API server, in one namespace that the webhooks are called for and in one that they
are not, in turns. The clients are threads of this process, which share the machine with the API server, etcd
and the admission server: their requests are written beforehand, and of answers they read where they end.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from tests import admission, factory
from tests.benchmarks.planes import ground, namespace
from tests.benchmarks.reviews import HEAD_END, row
from tests.probing import processor_seconds
from tests.rest import path
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from tests.rest import Rest

ROUNDS = 6
CREATES = 100
CLIENTS = 10
WARM_UP = 50
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"

_names = count()


class Times(NamedTuple):
    """Of many creates, in milliseconds."""

    p50: float
    p95: float
    p99: float

    def __str__(self) -> str:
        return f"{self.p50:.1f}/{self.p95:.1f}/{self.p99:.1f} ms"


def requests(where: str, number: int) -> list[bytes]:
    """Write the requests that create so many databases."""
    return [_request(where) for _ in range(number)]


def _request(where: str) -> bytes:
    manifest = factory.submitted(f"bench-{next(_names)}", where, replicas=3, parameters={"work_mem": "8MB"})
    body = json.dumps(manifest).encode()
    head = (
        f"POST {path(manifest['kind'], where)} HTTP/1.1\r\nHost: api\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def create(connection: ssl.SSLSocket, request: bytes) -> float:
    """Create one database; give the milliseconds that it took. Raises RuntimeError when it is refused."""
    started = time.perf_counter()
    connection.sendall(request)
    answer = connection.recv(65536)
    while not _whole(answer):
        answer += connection.recv(65536)
    taken = (time.perf_counter() - started) * 1000
    if not answer.startswith(b"HTTP/1.1 201 "):
        raise RuntimeError(answer.decode())
    return taken


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(HEAD_END)
    length = _LENGTH.search(head)
    return bool(end) and (len(body) >= int(length[1]) if length else body.endswith(_LAST_CHUNK))


def times(taken: list[float]) -> Times:
    """Sum many creates up."""
    hundredths = statistics.quantiles(taken, n=100)
    return Times(hundredths[49], hundredths[94], hundredths[98])


def measure(rest: Rest, plain: str, guarded: str, processes: Mapping[str, int]) -> None:
    """Print the rows; `processes` are those that take part, by their names."""
    alone: dict[str, list[float]] = {plain: [], guarded: []}
    with rest.connect() as connection:
        for where in alone:
            for request in requests(where, WARM_UP):
                create(connection, request)
        for _ in range(ROUNDS):
            for where, taken in alone.items():
                taken.extend(create(connection, request) for request in requests(where, CREATES))
    without, with_both = times(alone[plain]), times(alone[guarded])
    row("create, 1 client, no webhooks p50/p95/p99", "", "1.8/3/7 ms", str(without))
    row("create, 1 client, both webhooks", "", "4.5/8.5/14.6", str(with_both))
    added = with_both.p50 - without.p50
    row("added by both webhooks, 1 client, p50", "<= 2.5 ms", "2.7 ms", f"{added:.1f} ms")
    for where, what, peer in ((plain, "no webhooks", "8/31, 1,000/s"), (guarded, "both", "25/68, 359/s")):
        before = {name: processor_seconds(pid) for name, pid in processes.items()}
        found, rate = together(rest, where)
        reached = f"{found.p50:.0f}/{found.p99:.0f}, {rate:.0f}/s"
        row(f"create, {CLIENTS} clients, {what}, p50/p99 ms", "", peer, reached)
        spent = {name: processor_seconds(pid) - before[name] for name, pid in processes.items()}
        each = ", ".join(f"{name} {1000 * used / (ROUNDS * CREATES):.2f}" for name, used in spent.items())
        row("… processor time of each create, ms", "", "", each)


def together(rest: Rest, where: str) -> tuple[Times, float]:
    """Create with all clients at once; give the times, and how many a second."""
    written = [requests(where, ROUNDS * CREATES // CLIENTS) for _ in range(CLIENTS)]

    def client(mine: list[bytes]) -> list[float]:
        with rest.connect() as connection:
            return [create(connection, request) for request in mine]

    with ThreadPoolExecutor(CLIENTS) as pool:
        started = time.perf_counter()
        taken = [each for found in pool.map(client, written) for each in found]
        return times(taken), len(taken) / (time.perf_counter() - started)


def main() -> None:
    """Measure creates."""
    with ground(audit=False) as (plane, rest, folder), WebhookProcess(folder / "webhooks") as process:
        plain = namespace(rest, "plain", **{admission.UNGUARDED: "true"})
        guarded = namespace(rest, "guarded")
        admission.register(rest, process)
        servers = {name: plane.pid(name) for name in ("kube-apiserver", "etcd")}
        own = {"admission server": process.process.pid, "clients": os.getpid()}
        measure(rest, plain, guarded, servers | own)


if __name__ == "__main__":
    main()
