"""The controller's Prometheus metrics, in a registry of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from controller.kube.client import WRITES

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPE = CONTENT_TYPE_LATEST

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Metrics of one process; durations in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reconciles = Counter(
            "keddah_reconciles",
            "Reconciles, by result: done, waiting, stalled, failed.",
            ("result",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "keddah_reconcile_seconds", "Time of one reconcile.", buckets=_BUCKETS, registry=self.registry
        )
        self._requests = Counter(
            "keddah_api_requests",
            "Requests to the API server other than watches, by status (0: no answer).",
            ("verb", "kind", "status"),
            registry=self.registry,
        )
        self._writes = Counter(
            "keddah_api_writes",
            "Writes among these requests; in a steady state only the Lease is written.",
            ("kind",),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "keddah_api_request_seconds",
            "Time of such a request.",
            ("verb",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._certificates = Gauge(
            "keddah_webhook_certificate_expiry_timestamp_seconds",
            "When a certificate of the webhooks expires that keddah issues: authority, serving.",
            ("certificate",),
            registry=self.registry,
        )
        self._events = Counter(
            "keddah_watch_events", "Events received from watches.", ("kind",), registry=self.registry
        )
        self._repairs = Counter(
            "keddah_audit_repairs",
            "Objects that the watches missed and a periodic resync found.",
            ("kind",),
            registry=self.registry,
        )
        self.leader = Gauge("keddah_leader", "1 while this replica is the leader.", registry=self.registry)
        self.ready = Gauge("keddah_caches_filled", "1 once every kind was listed.", registry=self.registry)

    def watch_queue(
        self,
        depth: Callable[[], float],
        running: Callable[[], float],
        retried: Callable[[], float] = lambda: 0,
    ) -> None:
        """Export how many databases are queued, are being reconciled, and failed last time."""
        waiting = Gauge("keddah_queue_depth", "Databases waiting in the queue.", registry=self.registry)
        waiting.set_function(depth)
        working = Gauge("keddah_reconciles_running", "Reconciles under way.", registry=self.registry)
        working.set_function(running)
        failing = Gauge(
            "keddah_databases_retried",
            "Databases whose last reconcile failed, and is tried again ever later.",
            registry=self.registry,
        )
        failing.set_function(retried)

    def reconciled(self, result: str, seconds: float) -> None:
        """Count one reconcile."""
        self._reconciles.labels(result).inc()
        self._seconds.observe(seconds)

    def requested(self, verb: str, kind: str, status: int, seconds: float) -> None:
        """Count one request to the API server."""
        self._requests.labels(verb, kind, str(status)).inc()
        self._request_seconds.labels(verb).observe(seconds)
        if verb in WRITES:
            self._writes.labels(kind).inc()

    def certificate_ends(self, certificate: str, moment: float) -> None:
        """Tell when a certificate of the webhooks expires (Unix)."""
        self._certificates.labels(certificate).set(moment)

    def watched(self, kind: str) -> None:
        """Count one watch event."""
        self._events.labels(kind).inc()

    def repaired(self, kind: str) -> None:
        """Count one object that only a resync found."""
        self._repairs.labels(kind).inc()

    def text(self) -> bytes:
        """Return the page that Prometheus reads."""
        return generate_latest(self.registry)
