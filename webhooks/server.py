"""A uvicorn server with this project's bounds, and an end that loses no call."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import Config

from webhooks.protocol import GuardedProtocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from webhooks.app import Application
    from webhooks.probes import Probes
    from webhooks.settings import Address

KEEP_ALIVE_SECONDS = 120
"""Longer than the 90 s after which Go's transport closes an idle connection: so it is the client that
closes, and never a server whose closing crosses a new request on the way."""

BACKLOG = 1024
LOOK_SECONDS = 0.05
HANDSHAKE_SECONDS = 1.0
"""How long a connection may be in TLS's handshake, in which uvicorn does not know of it yet."""


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals alone and waits for clients before it closes connections."""

    def __init__(self, config: Config, listening: socket.socket, *, patience: float) -> None:
        """`patience`: seconds that open connections are left to clients to use once more or to close."""
        super().__init__(config)
        self._listening = listening
        self._patience = patience

    async def run_until_told(self) -> None:
        """Serve until `should_exit`, then end; at once with `force_exit`."""
        await self.serve(sockets=[self._listening])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals: two servers share this process, and their owner decides."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, wait for clients to go, then let uvicorn close what is idle and finish the rest."""
        for listening in self.servers:
            listening.close()
        started = asyncio.get_running_loop().time()
        # uvicorn says nowhere that the last connection went.
        while self._expects_more(asyncio.get_running_loop().time() - started):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        await super().shutdown(sockets)

    def _expects_more(self, seconds: float) -> bool:
        """Tell whether a call may still come by a connection that was accepted so many seconds ago."""
        if self.force_exit:
            return False
        if seconds < min(HANDSHAKE_SECONDS, self._patience):
            return True
        return bool(self.server_state.connections) and seconds < self._patience

    def hurry(self) -> None:
        """End now, whoever is still waiting for an answer."""
        self.should_exit = self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def listen(address: Address) -> socket.socket:
    """Open the listening socket; raises OSError. An empty host means every address of both families."""
    if not address.host and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("::", address.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
        )
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)


def reviews(
    app: Application, listening: socket.socket, context: ssl.SSLContext, *, deadline: float, patience: float
) -> Server:
    """Return the TLS server of the hooks."""

    class Protocol(GuardedProtocol):
        arrival_seconds = deadline + 2

    config = _config(
        app,
        http=Protocol,
        ssl_context_factory=lambda *_: context,
        timeout_graceful_shutdown=int(deadline) + 1,
    )
    return Server(config, listening, patience=patience)


def probes(app: Probes, listening: socket.socket) -> Server:
    """Return the plain server that kubelet and Prometheus ask."""
    config = _config(app, http=GuardedProtocol, timeout_graceful_shutdown=1)
    return Server(config, listening, patience=0)


def _config(app: Application | Probes, **special: Any) -> Config:  # noqa: ANN401  uvicorn's own arguments
    return Config(
        app,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        **special,
    )
