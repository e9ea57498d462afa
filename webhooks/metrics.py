"""The admission server's Prometheus metrics, in a registry of their own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from webhooks.answer import Allowed

if TYPE_CHECKING:
    from webhooks.answer import Answer
    from webhooks.review import Hook, Request

CONTENT_TYPE = CONTENT_TYPE_LATEST

BUCKETS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


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
        self.draining = Gauge("keddah_webhook_draining", "1 after SIGTERM.", registry=self.registry)

    def reviewed(self, hook: Hook, request: Request, answer: Answer, seconds: float) -> None:
        """Count one review."""
        verdict = "allowed" if isinstance(answer, Allowed) else "denied"
        self._count(hook, request.operation, verdict).inc()
        self._time(hook).observe(seconds)

    def refused(self, status: int) -> None:
        """Count one request that got an HTTP error."""
        self._refused.labels(str(status)).inc()

    def text(self) -> bytes:
        """Return the page that Prometheus reads."""
        return generate_latest(self.registry)
