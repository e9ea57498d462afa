"""Accepts connections, and knows of each before its TLS handshake: uvicorn would learn of it at its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from typing import TYPE_CHECKING

from webhooks.log import line

if TYPE_CHECKING:
    from collections.abc import Callable

    from webhooks.clients import Clients

HANDSHAKE_SECONDS = 10.0
"""How long a TLS handshake may take: as long as the API server gives it."""

AT_ONCE = 64
"""Connections accepted in one turn of the event loop; the others' requests have theirs in between."""

RECEIVE_BYTES = 32 * 1024
"""What the kernel holds of a connection for us; Linux doubles it. asyncio reads as much at once into a buffer
of each connection, and OpenSSL into a second one: with the kernel's usual size, half a MiB of each client."""

REST_SECONDS = 0.1
"""Until the next try where the process has no file or memory left for a connection."""

_GONE = (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR, errno.EPROTO)

_log = logging.getLogger(__name__)


class Listener:
    """A listening socket behind TLS, in the place of uvicorn's."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        clients: Clients,
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        """Begin to accept; `protocol` makes that of each connection, which begins after the handshake."""
        self._listening = listening
        self._context = context
        self._clients = clients
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._open = True
        listening.setblocking(False)
        listening.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES
        )  # inherited by what is accepted
        self._wait()

    def close(self) -> None:
        """Accept no more; handshakes under way go on."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listening)
            self._listening.close()

    def _wait(self) -> None:
        if self._open:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, (address, *_) = self._listening.accept()
            except OSError as error:
                if error.errno not in _GONE:
                    _log.error(line("Could not accept a connection", error=error))
                    self._loop.remove_reader(self._listening)
                    self._loop.call_later(REST_SECONDS, self._wait)
                return
            handshake = Handshake(accepted, address)
            self._clients.join(handshake)
            task = self._loop.create_task(self._shake_hands(handshake))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, handshake: Handshake) -> None:
        try:
            handshake.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._protocol, handshake.socket, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, TimeoutError) as error:
            handshake.socket.close()
            self._told(handshake, error)
        finally:
            self._clients.leave(handshake)

    def _told(self, handshake: Handshake, error: Exception) -> None:
        """Log a client without the certificate that is asked for; all else is noise of the network."""
        if isinstance(error, ssl.SSLError) and self._context.verify_mode is not ssl.CERT_NONE:
            why = error.reason or type(error).__name__
            _log.warning(line("Refused a client", client=handshake.address, why=why))


class Handshake:
    """A connection that has not shaken hands yet."""

    def __init__(self, accepted: socket.socket, address: str) -> None:
        self.socket = accepted
        self.address = address
        self.held = 0

    def abort(self) -> None:
        """End it: its handshake fails at once."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
