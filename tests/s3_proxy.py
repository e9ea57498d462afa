"""A proxy before a tests' server of S3: it passes requests on, answers them itself, or cuts them off."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

from tests.backup_site import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.pki import Authority
    from tests.s3_servers import S3

_BUFFER = 65536
_PATIENCE = 30.0
"""Seconds that one step of a connection may take."""
_LOOK = 0.1
"""Seconds between two looks whether the proxy ends."""


@dataclass
class Weather:
    """What befalls requests: an answer in place of the server's, or the end of a connection."""

    answer: str = ""
    """`503 Slow Down`: the status line's end; the server is not asked."""
    content: str = ""
    cut_after: int = 0
    """Bytes of an upload after which its connection is cut; once."""
    cuts: int = field(default=0)


class _Listening(ThreadingTCPServer):
    """Connections, each in a thread that is awaited at the end."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, handle: Callable[[socket.socket], None]) -> None:
        super().__init__((host, port), BaseRequestHandler)
        self._handle = handle

    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client: object) -> None:
        del client
        if isinstance(request, socket.socket):
            self._handle(request)


class Proxy:
    """A proxy before a server; it ends TLS, with a certificate of the server's authority, and has a weather.

    Its threads are begun by one that `enter` takes to the server's network namespace. There is no asyncio:
    its TLS leaves connections behind that are cut while they close, and Python tells of them in other tests.
    """

    def __init__(self, server: S3, enter: Callable[[], None] = lambda: None) -> None:
        self.weather = Weather()
        self.port = free_port()
        self.server = server
        """May be exchanged for another of the same authority."""
        self._enter = enter
        self._inside = ssl.create_default_context(cafile=str(server.ca.pair.certificate))
        self._outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.present(server.ca)
        self._ending = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self._listening = self._thread.submit(self._listen).result()
        self._thread.submit(self._listening.serve_forever, _LOOK)

    def present(self, authority: Authority) -> None:
        """Show clients a certificate of this authority from now on."""
        pair = authority.issue("proxy", self.server.name, serves=[self.server.name])
        self._outside.load_cert_chain(pair.certificate, pair.key)

    def close(self) -> None:
        """Serve nobody any more."""
        self._ending.set()
        self._listening.shutdown()
        self._listening.server_close()
        self._thread.shutdown()

    def _listen(self) -> _Listening:
        self._enter()
        return _Listening(self.server.host, self.port, self._serve)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with self._outside.wrap_socket(connection, server_side=True) as client:
                if self.weather.answer:
                    self._refuse(client)
                else:
                    self._pass(client)
                client.settimeout(0)
                client.unwrap()  # tells of the end, without which clients take what came for a part
        except OSError:
            pass  # either end may go at any time, as on a real network

    def _refuse(self, client: ssl.SSLSocket) -> None:
        head, body = b"", self.weather.content.encode()
        for _, data in self._received(client):
            head += data
            if b"\r\n\r\n" in head:
                break
        answer = f"HTTP/1.1 {self.weather.answer}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        client.sendall(answer.encode() + body)

    def _pass(self, client: ssl.SSLSocket) -> None:
        address = (self.server.host, self.server.port)
        sent = 0
        with (
            socket.create_connection(address, timeout=_PATIENCE) as line,
            self._inside.wrap_socket(line, server_hostname=self.server.name) as server,
        ):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, data in self._received(client, server):
                if source is server:
                    client.sendall(data)
                    continue
                sent += len(data)
                if self.weather.answer or 0 < self.weather.cut_after < sent:
                    self.weather.cut_after = 0
                    self.weather.cuts += 1
                    return
                server.sendall(data)

    def _received(self, *ends: ssl.SSLSocket) -> Iterator[tuple[ssl.SSLSocket, bytes]]:
        """Yield what comes from each end, until one of them or the proxy ends."""
        while not self._ending.is_set():
            for end in [e for e in ends if e.pending()] or select.select(ends, [], [], _LOOK)[0]:
                # What is there may be a part of a record, or a record of TLS itself: nothing to wait for.
                end.settimeout(0)
                try:
                    data = end.recv(_BUFFER)
                except ssl.SSLWantReadError:
                    continue
                finally:
                    end.settimeout(_PATIENCE)
                if not data:
                    return
                yield end, data


def error(code: str) -> str:
    """Return S3's description of an error."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as S3 says it</Message></Error>"
