"""What one admission server answers to hostile objects, and how long others wait meanwhile."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from tests import factory, hostile, reviews
from tests.rounds import Rounds

if TYPE_CHECKING:
    from tests.webhook_process import WebhookProcess

JSON = {"Content-Type": "application/json"}
ORDINARY = json.dumps(reviews.creation(factory.complete_database())).encode()


class Meanwhile(Rounds):
    """An ordinary client that asks without pause, on a connection of its own."""

    def __init__(self, server: WebhookProcess) -> None:
        super().__init__("meanwhile", every=0.002)
        self._connection = server.connect()
        self.seconds: list[float] = []

    def look(self) -> None:
        """Ask once."""
        started = time.monotonic()
        self._connection.request("POST", "/validate", ORDINARY, JSON)
        answer = self._connection.getresponse()
        if answer.status == HTTPStatus.OK and b'"allowed":true' in answer.read():
            self.seconds.append(time.monotonic() - started)

    def close(self) -> None:
        """Close its connection."""
        self._connection.close()


class Burden(NamedTuple):
    """Seconds until the slowest answer, of which kind of object, and of the others, sorted."""

    kind: str
    worst: float
    others: list[float]

    @property
    def late(self) -> float:
        """Seconds that one in a hundred of the others waited for longer."""
        return self.others[len(self.others) * 99 // 100]

    def __str__(self) -> str:
        waited = f"p99 {self.late:.3f} s, worst {self.others[-1]:.3f} s"
        return f"worst: {self.kind} {self.worst:.3f} s; {len(self.others)} others meanwhile: {waited}"


def burdened(server: WebhookProcess) -> Burden:
    """Send every kind of hostile object to both hooks; raises RuntimeError for one that is no answer."""
    took: dict[str, float] = {}
    connection = server.connect(timeout=60)
    with Meanwhile(server) as others:
        for kind in hostile.KINDS:
            content = hostile.body(kind)
            for hook in ("/mutate", "/validate"):
                started = time.monotonic()
                connection.request("POST", hook, content, JSON)
                answer = connection.getresponse()
                answer.read()
                took[f"{kind} {hook}"] = time.monotonic() - started
                if answer.status not in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
                    raise RuntimeError(f"{kind}: {answer.status}")
    others.close()
    connection.close()
    worst = max(took, key=lambda name: took[name])
    return Burden(worst, took[worst], sorted(others.seconds))
