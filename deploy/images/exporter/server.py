"""Answers Prometheus: one request after another, each within seconds, whoever asks."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from .page import CONTENT_TYPE

_SECONDS: Final = 2.0
"""For which a client may keep others waiting with its request, and again with the answer."""
_MOST_BYTES: Final = 8 << 10


def listen(port: int) -> socket.socket:
    """Listen on all addresses, IPv6's too where there are any; raises OSError."""
    try:
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError:
        return socket.create_server(("", port))


def serve(listener: socket.socket, page: Callable[[], bytes]) -> None:
    """Answer for ever."""
    while True:
        client, _ = listener.accept()
        with suppress(OSError), client:
            answer = _answer(request(client), page)
            # All of it has to be taken within that time.
            client.settimeout(_SECONDS)
            client.sendall(answer)


def request(client: socket.socket, clock: Callable[[], float] = time.monotonic) -> bytes:
    """Read a request. Raises OSError, also where it is not whole in time, however it trickles in."""
    until = clock() + _SECONDS
    found = b""
    while b"\r\n\r\n" not in found and len(found) < _MOST_BYTES:
        left = until - clock()
        if left <= 0:
            raise TimeoutError
        client.settimeout(left)
        more = client.recv(_MOST_BYTES)
        if not more:
            break
        found += more
    return found


def _answer(request: bytes, page: Callable[[], bytes]) -> bytes:
    words = request.partition(b"\r\n")[0].split()
    if words[:1] != [b"GET"]:
        return _response("405 Method Not Allowed", b"GET only\n")
    if words[1:2] and words[1].partition(b"?")[0] == b"/metrics":
        return _response("200 OK", page())
    return _response("404 Not Found", b"Metrics are at /metrics\n")


def _response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
