"""The table: all metrics of an instance. Names are those of postgres_exporter where it has one.

What an instance's exporter cannot know (what the repository holds, what the controller finds) is on the
controller's own page (database_metrics.py).
"""

from __future__ import annotations

from typing import Final

from controller.desired.exporter.activity import DATABASES, SESSIONS, STATEMENTS
from controller.desired.exporter.metric import Metric, Query, described
from controller.desired.exporter.replication import SERVER, STANDBYS, WAL

QUERIES: Final[tuple[Query, ...]] = (*SERVER, *STANDBYS, *WAL, *SESSIONS, *DATABASES, *STATEMENTS)
"""In the order in which they are asked."""

_VOLUME, _CERTIFICATE, _ITSELF = "statvfs()", "tls.crt", "the exporter"

OWN: Final[tuple[Metric, ...]] = (
    Metric("pg_up", "gauge", "1 if the server took the exporter's connection and answered.", source=_ITSELF),
    Metric("keddah_instance_volume_bytes", "gauge", "Size of the volume.", "bytes", source=_VOLUME),
    Metric(
        "keddah_instance_volume_available_bytes",
        "gauge",
        "What is free of it, for PostgreSQL.",
        "bytes",
        source=_VOLUME,
    ),
    Metric("keddah_instance_volume_files", "gauge", "Files it can have.", source=_VOLUME),
    Metric("keddah_instance_volume_available_files", "gauge", "Those that are left.", source=_VOLUME),
    Metric(
        "keddah_instance_certificate_expiry_timestamp_seconds",
        "gauge",
        "When a certificate of the instance expires, as Unix time; it is renewed long before.",
        "seconds",
        ("certificate",),
        source=_CERTIFICATE,
    ),
    Metric(
        "keddah_exporter_scrape_seconds",
        "gauge",
        "How long it took to make this page.",
        "seconds",
        source=_ITSELF,
    ),
    Metric(
        "keddah_exporter_failed_queries",
        "gauge",
        "Queries of keddah's own that the server refused this time.",
        source=_ITSELF,
    ),
    Metric(
        "keddah_exporter_custom_query_failed",
        "gauge",
        "1 of each of monitoring.queries that failed, or could not be read; absent without any.",
        labels=("query",),
        source=_ITSELF,
    ),
    Metric("process_resident_memory_bytes", "gauge", "Memory of the exporter.", "bytes", source=_ITSELF),
    Metric("process_cpu_seconds_total", "counter", "Time of processors it took.", "seconds", source=_ITSELF),
)
"""What no query is needed for."""

METRICS: Final[tuple[Metric, ...]] = (*OWN, *described(QUERIES))
"""All there is on the page of an instance, less what monitoring.queries add."""
