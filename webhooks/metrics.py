"""The admission server's Prometheus metrics, in a registry of their own."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from schemas.api.types import Spec
from webhooks.answer import Allowed

if TYPE_CHECKING:
    from webhooks.answer import Answer
    from webhooks.review import Hook, Request

CONTENT_TYPE = CONTENT_TYPE_LATEST

BUCKETS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Spec))
_NAME = re.compile(r"spec\.(\w+)")


def _field(path: str) -> str:
    """Return the field of the spec that a path leads to: what users write deeper down has no end."""
    found = _NAME.match(path)
    return f"spec.{found[1]}" if found and found[1] in _FIELDS else "other"


class Metrics:
    """Counters of one process; times in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reviews = Counter(
            "keddah_admission_reviews",
            "Reviews answered, by verdict: allowed, denied.",
            ("hook", "operation", "verdict"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "keddah_admission_review_seconds",
            "Time to decide a review that has arrived.",
            ("hook",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._rejections = Counter(
            "keddah_admission_rejections",
            "Mistakes that reviews were denied for, by the field of the spec; `other` for what is none.",
            ("field",),
            registry=self.registry,
        )
        self._refused = Counter(
            "keddah_admission_refused_requests",
            "HTTP requests that were no reviews, or whose review failed, by status.",
            ("status",),
            registry=self.registry,
        )
        # Finding a label's counter takes longer than counting; there are a dozen of them.
        self._count = cache(self._reviews.labels)
        self._time = cache(self._seconds.labels)
        self.pair_loads = Counter(
            "keddah_webhook_certificate_loads",
            "Times that the serving pair was read, by result: loaded, refused.",
            ("result",),
            registry=self.registry,
        )
        self.certificate = Gauge(
            "keddah_webhook_serving_certificate_expiry_timestamp_seconds",
            "When the certificate expires that this process serves with; 0 until it has one.",
            registry=self.registry,
        )
        self.dropped = Counter(
            "keddah_webhook_dropped_connections",
            "Connections closed because one client held too many, or too much: connections, bytes.",
            ("too_many",),
            registry=self.registry,
        )
        self.draining = Gauge("keddah_webhook_draining", "1 after SIGTERM.", registry=self.registry)

    def reviewed(self, hook: Hook, request: Request, answer: Answer, seconds: float) -> None:
        """Count one review."""
        verdict = "allowed" if isinstance(answer, Allowed) else "denied"
        self._count(hook, request.operation, verdict).inc()
        self._time(hook).observe(seconds)
        if not isinstance(answer, Allowed):
            for field in map(_field, answer.fields):
                self._rejections.labels(field).inc()

    def refused(self, status: int) -> None:
        """Count one request that got an HTTP error."""
        self._refused.labels(str(status)).inc()

    def text(self) -> bytes:
        """Return the page that Prometheus reads."""
        return generate_latest(self.registry)
