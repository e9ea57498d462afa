"""Reading a request's body within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

LIMIT = 3 * 1024 * 1024
"""Bytes of a review: as many as the API server takes for one object."""

SMALL = 256 * 1024
"""Bytes that every connection may hold; the rest of a larger review waits for its turn."""

LARGE_AT_ONCE = 4
"""Larger reviews of one client that are read at the same time: the others of it wait, and no other client."""

TURN_SECONDS = 2.0
"""How long the rest of a larger review may take to arrive, from its turn: the others of its client wait."""

LINGER_BYTES = 2 * 1024 * 1024
LINGER_SECONDS = 1.0


class TooLargeError(Exception):
    """The body has more than LIMIT bytes."""


class DisconnectedError(Exception):
    """The client disconnected before the end of its body: no response is needed."""


async def read(receive: Receive, *, declared: int | None, deadline: float, turns: asyncio.Semaphore) -> bytes:
    """Return the whole body; one larger than SMALL takes one of the `turns` while it is read.

    `declared` is the Content-Length, None for a chunked body. Raises TooLargeError as soon as the limit is
    known to be passed, TimeoutError when the body is not whole after `deadline` seconds, DisconnectedError.
    """
    if declared is not None and declared > LIMIT:
        raise TooLargeError
    async with asyncio.timeout(deadline):
        message = await _next(receive)
        parts = [message["body"]]
        more = message["more_body"] and await _more(receive, parts, SMALL)
        if more:
            async with turns, asyncio.timeout(TURN_SECONDS):
                more = await _more(receive, parts, LIMIT)
    if more or sum(map(len, parts)) > LIMIT:
        raise TooLargeError
    return b"".join(parts)


async def _more(receive: Receive, parts: list[bytes], limit: int) -> bool:
    """Read on until the end, or until the parts have more bytes than the limit; tells whether more comes."""
    size = sum(map(len, parts))
    while size <= limit:
        message = await _next(receive)
        parts.append(message["body"])
        size += len(message["body"])
        if not message["more_body"]:
            return False
    return True


async def linger(receive: Receive) -> None:
    """Read on, within bounds, after a refusal was sent.

    Closing a socket with unread bytes resets the connection, and the reset can overtake the refusal.
    """
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await _next(receive)
                left -= len(message["body"])
                if not message["more_body"]:
                    return
    except (TimeoutError, DisconnectedError):
        return


async def _next(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return message
