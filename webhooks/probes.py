"""Liveness, readiness and metrics, over plain HTTP on a separate port."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from webhooks.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from webhooks.body import Receive
    from webhooks.guard import Scope, Send
    from webhooks.metrics import Metrics

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """/healthz, /readyz and /metrics. `unready` returns why no reviews should come, or an empty text."""

    unready: Callable[[], str]
    metrics: Metrics

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Serve one request, as the ASGI specification 3.0 has it."""
        status, media, content = self._answer(scope["path"])
        if scope["method"] not in {"GET", "HEAD"}:
            status, media, content = HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"GET only\n"
        headers = [(b"content-type", media.encode()), (b"content-length", b"%d" % len(content))]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        match path:
            case "/healthz":
                # To answer is to be alive: this loop is the one that answers reviews.
                return HTTPStatus.OK, TEXT, b"ok\n"
            case "/readyz":
                why = self.unready()
                status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
                return status, TEXT, f"{why or 'ok'}\n".encode()
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE, self.metrics.text()
            case _:
                return HTTPStatus.NOT_FOUND, TEXT, b"no such path; there are /healthz, /readyz and /metrics\n"
