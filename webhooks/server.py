"""A uvicorn server with this project's limits, and a shutdown that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import Config

from webhooks.clients import Clients
from webhooks.guard import Guarded
from webhooks.listener import Listener

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from schemas.processes import Address
    from webhooks.app import Application
    from webhooks.probes import Probes

KEEP_ALIVE_SECONDS = 120
"""Longer than the 90 s after which Go's transport closes an idle connection: the client is to close first,
because a server that closes an idle connection may lose a request that was just sent."""

BACKLOG = 1024
LOOK_SECONDS = 0.05
PROBE_SECONDS = 15.0
"""How long a probe's request may take."""

MOST_PROBING = 64
"""Connections to the probes' port: the kubelet has one at a time, and each Prometheus one."""

HANDSHAKE_SECONDS = 1.0
"""How long a connection that was accepted last may need, at shutdown, for its TLS handshake."""


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals alone and waits for clients before it closes connections."""

    def __init__(
        self,
        app: Guarded,
        listening: socket.socket,
        *,
        drain: float,
        secured: Callable[[Callable[[], asyncio.Protocol]], Listener] | None = None,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        """`drain`: seconds that clients have at shutdown to use or close their open connections.

        `secured` makes the listener where it is not uvicorn that accepts connections.
        """
        super().__init__(_config(app, **settings))
        self._app = app
        self._listening = listening
        self._drain = drain
        self._secured = secured
        self._listener: Listener | None = None

    async def run_until_stopped(self) -> None:
        """Serve until `should_exit` is set, then shut down; at once with `force_exit`."""
        await self.serve(sockets=[self._listening])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: two servers share this process, and `Process` handles signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections (called by uvicorn)."""
        if self._secured is None:
            await super().startup(sockets)
            return
        self.servers = []
        self._listener = self._secured(self._protocol)
        self.started = True

    def _protocol(self) -> asyncio.Protocol:
        return self._app.protocol(config=self.config, server_state=self.server_state, app_state={})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, wait for clients to disconnect, then let uvicorn close the other connections."""
        for listening in self.servers:
            listening.close()
        if self._listener is not None:
            self._listener.close()
        started = asyncio.get_running_loop().time()
        # uvicorn does not signal that the last connection is closed.
        while self._expects_requests(asyncio.get_running_loop().time() - started):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        for connection in list(self._app.connections.values()):
            connection.close_idle()
        await super().shutdown(sockets)

    def _expects_requests(self, seconds: float) -> bool:
        """Whether a request may still arrive, so many seconds after the last connection was accepted."""
        if self.force_exit:
            return False
        if seconds < min(HANDSHAKE_SECONDS, self._drain):
            return True
        return bool(self._app.connections) and seconds < self._drain

    def abort(self) -> None:
        """Shut down now, even if requests are still unanswered."""
        self.should_exit = self.force_exit = True
        for connection in list(self._app.connections.values()):
            connection.abort()


def listen(address: Address) -> socket.socket:
    """Open the listening socket; raises OSError. An empty host means every address of both families."""
    if not address.host and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("::", address.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
        )
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)


def reviews(
    app: Application,
    listening: socket.socket,
    context: ssl.SSLContext,
    clients: Clients,
    *,
    deadline: float,
    drain: float,
) -> Server:
    """Return the TLS server of the hooks."""
    return Server(
        Guarded(app, clients, seconds=deadline + 2),
        listening,
        drain=drain,
        secured=lambda protocol: Listener(listening, context, clients, protocol),
        timeout_graceful_shutdown=int(deadline) + 1,
    )


def probes(app: Probes, listening: socket.socket) -> Server:
    """Return the plain HTTP server for the kubelet's probes and for Prometheus."""
    guarded = Guarded(app, Clients(most=MOST_PROBING), seconds=PROBE_SECONDS)
    return Server(guarded, listening, drain=0, timeout_graceful_shutdown=1)


def _config(app: Guarded, **special: Any) -> Config:  # noqa: ANN401  uvicorn's own arguments
    return Config(
        app,
        http=app.protocol,  # type: ignore[arg-type]  # any callable that makes a protocol, as a class does
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
