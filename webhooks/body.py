"""Reading a request's body within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

LIMIT = 3 * 1024 * 1024
"""Bytes of a review: as many as the API server takes for one object."""

LINGER_BYTES = 2 * 1024 * 1024
LINGER_SECONDS = 1.0


class TooLargeError(Exception):
    """The body has more than LIMIT bytes."""


class DisconnectedError(Exception):
    """The client went away before its body was whole: nobody waits for an answer."""


async def read(receive: Receive, *, declared: int | None, deadline: float) -> bytes:
    """Return the whole body.

    `declared` is the Content-Length, None for a chunked body. Raises TooLargeError as soon as the limit is
    known to be passed, TimeoutError when the body is not whole after `deadline` seconds, DisconnectedError.
    """
    if declared is not None and declared > LIMIT:
        raise TooLargeError
    async with asyncio.timeout(deadline):
        message = await _next(receive)
        if not message["more_body"]:
            return _within(message["body"])
        parts, size = [message["body"]], len(message["body"])
        while message["more_body"]:
            message = await _next(receive)
            parts.append(message["body"])
            size += len(message["body"])
            if size > LIMIT:
                raise TooLargeError
    return b"".join(parts)


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


def _within(body: bytes) -> bytes:
    if len(body) > LIMIT:
        raise TooLargeError
    return body
