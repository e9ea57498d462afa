"""The ASGI application, told what a web server would tell it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory, reviews
from webhooks import body, review
from webhooks.answer import Allowed
from webhooks.app import Application
from webhooks.metrics import Metrics
from webhooks.probes import Probes

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.policy.policy import Policy

WHOLE = json.dumps(reviews.creation(factory.complete_database())).encode()
JSON = (b"content-type", b"application/json")


def application(**changes: Any) -> Application:  # noqa: ANN401
    settings = {
        "policy": factory.policy,
        "now": lambda: datetime(2026, 11, 23, tzinfo=UTC),
        "metrics": Metrics(),
        "deadline": 5.0,
        **changes,
    }
    return Application(**settings)


class Exchange:
    """One request to an application and what it answered."""

    def __init__(self, *parts: bytes, more: bool = False) -> None:
        self.parts = list(parts)
        self.more = more
        self.sent: list[dict[str, Any]] = []
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        """Give the next part of the body; wait for ever when there is none."""
        if not self.parts:
            await asyncio.Event().wait()
        part = self.parts.pop(0)
        self.taken += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or self.more}

    async def send(self, message: Any) -> None:  # noqa: ANN401
        """Keep what the application says."""
        self.sent.append(message)

    async def with_(
        self,
        app: Callable[..., Any],
        path: str = "/validate",
        *headers: tuple[bytes, bytes],
        method: str = "POST",
        query: bytes = b"",
    ) -> int:
        """Run the request; returns the status, 0 for no answer."""
        scope = {
            "type": "http",
            "path": path,
            "method": method,
            "query_string": query,
            "headers": list(headers or [JSON]),
            "client": ("127.0.0.1", 40000),
        }
        await app(scope, self.receive, self.send)
        return int(self.sent[0]["status"]) if self.sent else 0

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The answer's headers."""
        return dict(self.sent[0]["headers"])

    @property
    def content(self) -> Any:  # noqa: ANN401
        """The answer's JSON."""
        return json.loads(b"".join(message["body"] for message in self.sent[1:]))


async def test_a_review_is_answered_and_counted() -> None:
    app, exchange = application(), Exchange(WHOLE[:10], WHOLE[10:])
    assert await exchange.with_(app) == 200
    assert exchange.content["response"]["allowed"] is True
    assert b"connection" not in exchange.headers
    page = app.metrics.text().decode()
    assert 'keddah_admission_reviews_total{hook="validate",operation="CREATE",verdict="allowed"} 1.0' in page


async def test_answers_end_connections_while_closing() -> None:
    exchange = Exchange(WHOLE)
    assert await exchange.with_(application(closing=True)) == 200
    assert exchange.headers[b"connection"] == b"close"


async def test_a_declared_length_beyond_the_limit_is_refused_unread() -> None:
    exchange = Exchange(b"x", b"y")
    assert await exchange.with_(application(), "/mutate", JSON, (b"content-length", b"3145729")) == 413
    assert exchange.headers[b"connection"] == b"close"


async def test_chunks_beyond_the_limit_are_refused_without_the_rest() -> None:
    parts = [b" " * 65536] * 200
    exchange = Exchange(*parts)
    assert await exchange.with_(application()) == 413
    assert exchange.taken < body.LIMIT + body.LINGER_BYTES + 2 * 65536


async def test_the_limit_itself_is_accepted() -> None:
    exchange = Exchange(WHOLE + b" " * (body.LIMIT - len(WHOLE)))
    assert await exchange.with_(application()) == 200


async def test_large_reviews_wait_for_their_turn() -> None:
    app = application()
    stuck = [Exchange(b" " * (body.SMALL + 1), more=True) for _ in range(body.LARGE_AT_ONCE)]
    held = [asyncio.create_task(exchange.with_(app)) for exchange in stuck]
    await asyncio.sleep(0)
    large = Exchange(b" " * (body.SMALL + 1), WHOLE)
    waiting = asyncio.create_task(large.with_(app))
    assert await Exchange(WHOLE).with_(app) == 200
    assert not waiting.done()
    held[0].cancel()
    assert await waiting == 200
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_a_body_that_stops_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LINGER_SECONDS", 0)
    exchange = Exchange(b"{", more=True)
    assert await exchange.with_(application(deadline=0.0)) == 408


async def test_the_api_servers_timeout_bounds_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LINGER_SECONDS", 0)
    exchange = Exchange(b"{", more=True)
    assert await exchange.with_(application(deadline=3600.0), query=b"a=b&timeout=0s") == 408


async def test_a_client_that_left_gets_nothing() -> None:
    sent: list[Any] = []

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # noqa: ANN401
        sent.append(message)

    scope = {"path": "/mutate", "method": "POST", "query_string": b"", "headers": [JSON], "client": ("a", 1)}
    await application()(scope, left, send)
    assert sent == []


async def test_a_failure_is_no_traceback_and_logs_no_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr(review, "respond", broken)
    exchange = Exchange(WHOLE)
    assert await exchange.with_(application()) == 500
    assert exchange.content["reason"] == "InternalServerError"
    assert "hunter2" not in str(exchange.sent) + caplog.text
    assert "Failed a review error=KeyError at=test_webhooks_app.py:" in caplog.text


async def test_the_time_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def respond(*_: object, policy: Policy, now: object) -> Allowed:
        asked.append((policy.default_version, now))
        return Allowed()

    monkeypatch.setattr(review, "respond", respond)
    east = datetime(2026, 11, 24, 3, tzinfo=timezone(timedelta(hours=9)))
    await Exchange(WHOLE).with_(application(now=lambda: east))
    assert asked == [("17", east)]


@pytest.mark.parametrize(
    ("path", "why", "status", "said"),
    [
        ("/healthz", "draining", 200, b"ok\n"),
        ("/readyz", "", 200, b"ok\n"),
        ("/readyz", "draining", 503, b"draining\n"),
        ("/", "", 404, b"no such path"),
    ],
)
async def test_probes_say_what_is_so(path: str, why: str, status: int, said: bytes) -> None:
    exchange = Exchange()
    app = Probes(unready=lambda: why, metrics=Metrics())
    assert await exchange.with_(app, path, method="GET") == status
    assert exchange.sent[1]["body"].startswith(said)


async def test_probes_are_only_read() -> None:
    exchange = Exchange()
    assert await exchange.with_(Probes(unready=str, metrics=Metrics()), "/healthz") == 405
    assert exchange.headers[b"allow"] == b"GET, HEAD"
