"""The two webhooks as an ASGI application: the HTTP side of `review`."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec

from webhooks import body, review
from webhooks.answer import Denied, encode
from webhooks.guard import CLIENT_NAMES
from webhooks.log import line
from webhooks.review import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from schemas.policy.policy import Policy
    from webhooks.body import Receive
    from webhooks.guard import Scope, Send
    from webhooks.metrics import Metrics
    from webhooks.review import Hook, Request

HOOKS: dict[str, Hook] = {"/mutate": "mutate", "/validate": "validate"}
JSON = b"application/json"
TIMEOUT = re.compile(rb"(?:^|&)timeout=(\d{1,4})s(?:&|$)")
"""What the API server appends: the webhook's timeoutSeconds, or what is left of its own request's time."""

_log = logging.getLogger(__name__)


class HTTPError(Exception):
    """An answer with an HTTP status of its own; the text is for the caller.

    `unread`: the body has not arrived whole, so the connection can carry no other request.
    """

    def __init__(
        self, status: HTTPStatus, message: str, *headers: tuple[bytes, bytes], unread: bool = True
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.unread = unread


@dataclass(slots=True, kw_only=True)
class Application:
    """Answers reviews. `policy` and `now` are called for each; with `closing`, answers close connections."""

    policy: Callable[[], Policy]
    now: Callable[[], datetime]
    metrics: Metrics
    deadline: float
    clients: frozenset[str] = frozenset()
    """Names of which a client's certificate must have one; none for any client that has shaken hands."""
    closing: bool = False
    turns: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    """Of each client that has larger reviews under way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as the ASGI specification 3.0 has it."""
        try:
            answer = await self._answer(scope, receive)
        except HTTPError as error:
            await self._refuse(error, receive, send)
        except body.DisconnectedError:
            _log.debug("Lost a client before its review was whole")
        except Exception as error:  # noqa: BLE001  the edge: a traceback is no answer
            _log.error(line("Failed a review", error=type(error).__name__, at=_place(error)))
            message = "the review failed; the server's log says where"
            refusal = HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, message, unread=False)
            await self._refuse(refusal, receive, send)
        else:
            await self._send(send, HTTPStatus.OK, answer, close=self.closing)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        self._admit(scope)
        hook = _route(scope)
        declared = _checked_headers(scope["headers"])
        deadline = _deadline(scope["query_string"], self.deadline)
        turns = self.turns.setdefault(scope["client"][0], asyncio.Semaphore(body.LARGE_AT_ONCE))
        try:
            content = await body.read(receive, declared=declared, deadline=deadline, turns=turns)
        except body.TooLargeError:
            message = f"the review has more than {body.LIMIT} bytes"
            raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message) from None
        except TimeoutError:
            message = (
                f"the review did not arrive within {deadline:g} s, or its end within {body.TURN_SECONDS:g} s"
            )
            raise HTTPError(HTTPStatus.REQUEST_TIMEOUT, message) from None
        return self._reviewed(hook, content)

    def _admit(self, scope: Scope) -> None:
        """Raise HTTPError for a client that has a certificate of the right authority and another's name."""
        given: frozenset[str] = scope.get(CLIENT_NAMES, frozenset())
        if self.clients and not self.clients & given:
            found = ", ".join(sorted(given))[:200] or "none"
            raise HTTPError(
                HTTPStatus.FORBIDDEN, f"the client's certificate has no name that may call: {found}"
            )

    def _reviewed(self, hook: Hook, content: bytes) -> bytes:
        started = perf_counter()
        try:
            request = review.decode(content)
        except MalformedError as error:
            raise HTTPError(HTTPStatus.BAD_REQUEST, str(error), unread=False) from None
        answer = review.respond(request, hook, policy=self.policy(), now=self.now())
        encoded = encode(request.uid, answer)
        self.metrics.reviewed(hook, request, answer, perf_counter() - started)
        if isinstance(answer, Denied):
            _log_refusal(hook, request, answer)
        return encoded

    async def _refuse(self, error: HTTPError, receive: Receive, send: Send) -> None:
        """Send an error as a metav1.Status, which the API server repeats to its own caller."""
        self.metrics.refused(error.status)
        _log.warning(line("Refused a request", status=error.status.value, why=error))
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(error),
            "reason": error.status.phrase.title().replace(" ", ""),
            "code": error.status.value,
        }
        content = msgspec.json.encode(status)
        close = self.closing or error.unread
        await self._send(send, error.status, content, *error.headers, close=close, more_body=error.unread)
        if error.unread:
            await body.linger(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(
        self,
        send: Send,
        status: HTTPStatus,
        content: bytes,
        *headers: tuple[bytes, bytes],
        close: bool,
        more_body: bool = False,
    ) -> None:
        sent = [(b"content-type", JSON), (b"content-length", b"%d" % len(content)), *headers]
        if close:
            sent.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status.value, "headers": sent})
        await send({"type": "http.response.body", "body": content, "more_body": more_body})


def _route(scope: Scope) -> Hook:
    hook = HOOKS.get(scope["path"])
    if hook is None:
        raise HTTPError(HTTPStatus.NOT_FOUND, f"no such path; there are {' and '.join(HOOKS)}")
    if scope["method"] != "POST":
        raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED, "reviews are sent by POST", (b"allow", b"POST"))
    return hook


def _checked_headers(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the Content-Length, None when there is none; raises HTTPError for a body that is not JSON."""
    found = dict(headers)
    media = found.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media != JSON:
        raise HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "reviews are application/json")
    if found.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed reviews are not supported")
    length = found.get(b"content-length")
    return int(length) if length is not None else None


def _deadline(query: bytes, longest: float) -> float:
    """Return how many seconds the review has to arrive: what the API server itself waits, if shorter."""
    asked = TIMEOUT.search(query)
    return min(float(asked[1]), longest) if asked else longest


def _log_refusal(hook: Hook, request: Request, answer: Denied) -> None:
    _log.info(
        line(
            "Refused a review",
            hook=hook,
            operation=request.operation,
            kind=request.kind.kind,
            namespace=request.namespace,
            name=request.name,
            user=request.user_info.username,
            uid=request.uid,
            dry_run=str(request.dry_run).lower(),
            code=answer.status.code,
            fields=",".join(answer.fields),
        )
    )


def _place(error: Exception) -> str:
    """Say where an error came from, innermost first, without its text, which may quote a user's values."""
    frames = traceback.extract_tb(error.__traceback__)
    return ",".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
