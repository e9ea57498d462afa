"""A client that takes all it can get: the process stays small, and whoever else asks is answered."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from tests.burden import ORDINARY, Meanwhile
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GREEDY = ("127.0.0.2", 0)
"""Another address than that of the others."""
LIMIT_MIB = 256
"""The memory limit of the pods."""
HEAD = b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
API_SERVER_WAITS_SECONDS = 5


class Greedy:
    """Connections of one client, which keeps them."""

    def __init__(self, server: WebhookProcess, held: ExitStack) -> None:
        self._address = ("127.0.0.1", server.port)
        self._trust = server.trust()
        self._held = held

    def silent(self) -> socket.socket:
        """Connect, and never shake hands."""
        connection = socket.create_connection(self._address, timeout=10, source_address=GREEDY)
        return self._held.enter_context(connection)

    def secured(self) -> socket.socket:
        """Shake hands, and say nothing."""
        return self._held.enter_context(self._trust.wrap_socket(self.silent(), server_hostname="localhost"))

    def headed(self) -> None:
        """Begin with headers that do not end."""
        self.secured().sendall(HEAD + b"X: " + b"a" * 60_000)

    def bodied(self) -> None:
        """Send nearly all of a body."""
        self.secured().sendall(HEAD + b"Content-Length: 300000\r\n\r\n" + b" " * 299_000)

    def answered(self) -> None:
        """Send as much as is read at all, have it answered, and stay."""
        connection = self.secured()
        connection.sendall(HEAD + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        connection.recv(65536)


@pytest.mark.parametrize(
    ("connect", "count", "dropped"),
    [
        (Greedy.silent, 2000, True),
        (Greedy.headed, 530, True),
        (Greedy.bodied, 530, True),
        (Greedy.answered, 60, False),
    ],
)
def test_whoever_takes_too_much_loses_its_own(
    tmp_path: Path, connect: Callable[[Greedy], object], count: int, *, dropped: bool
) -> None:
    with (
        WebhookProcess(tmp_path, KEDDAH_DEADLINE_SECONDS="60") as server,
        ExitStack() as held,
        Meanwhile(server) as others,
    ):
        held.callback(others.close)
        greedy = Greedy(server, held)
        for _ in range(count):
            with suppress(OSError):  # closed already
                connect(greedy)
        assert server.resident() < LIMIT_MIB * 0.9
        assert server.process.poll() is None
        page, log = server.probe("/metrics")[1], server.log.read_text()
    assert others.seconds
    assert max(others.seconds) < API_SERVER_WAITS_SECONDS
    assert ("keddah_webhook_dropped_connections_total{" in page) is dropped
    assert (f"client={GREEDY[0]}" in log) is dropped
    assert "client=127.0.0.1" not in log


def test_connections_that_were_answered_and_lost_leave_nothing_behind(tmp_path: Path) -> None:
    content = HEAD + b"Content-Length: %d\r\n\r\n" % len(ORDINARY) + ORDINARY
    with WebhookProcess(tmp_path) as server, ExitStack() as held:
        greedy = Greedy(server, held)
        found = []
        for _ in range(2):
            for _ in range(150):
                with greedy.secured() as connection:  # closed without a goodbye of TLS
                    connection.sendall(content)
                    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            found.append(server.resident())
        # Were they kept until their keep-alive ends, it would be 6 MiB.
        assert found[1] - found[0] < 3


def test_probes_are_answered_whoever_is_connected_to_their_port(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path) as server, ExitStack() as held:
        for _ in range(500):
            address = ("127.0.0.1", server.probes_port)
            held.enter_context(socket.create_connection(address, timeout=10, source_address=GREEDY))
        assert server.probe("/healthz") == (200, "ok\n")
        assert server.probe("/readyz") == (200, "ok\n")
