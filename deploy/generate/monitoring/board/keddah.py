"""Pictures of keddah's own processes."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.panel import WINDOW, Panel, Query, Row
from deploy.generate.monitoring.series import keddah

_CPU: Final = keddah("process_cpu_seconds_total")
_MEMORY: Final = keddah("process_resident_memory_bytes")
_QUEUE: Final = keddah("keddah_queue_depth")
_RETRIED: Final = keddah("keddah_databases_retried")
_RECONCILES: Final = keddah("keddah_reconciles_total")
_RECONCILE_SECONDS: Final = keddah("keddah_reconcile_seconds_bucket")
_REQUESTS: Final = keddah("keddah_api_requests_total")
_REJECTIONS: Final = keddah("keddah_admission_rejections_total")
_REVIEWS: Final = keddah("keddah_admission_reviews_total")
_REVIEW_SECONDS: Final = keddah("keddah_admission_review_seconds_bucket")

KEDDAH: Final = Row(
    "keddah itself",
    (
        Panel(
            "Reconciles",
            (Query(f"sum by (result) (rate({_RECONCILES}[{WINDOW}]))", "{{result}}"),),
            "ops",
            "`failed` should not be there for long.",
        ),
        Panel(
            "Time of a reconcile",
            (
                Query(f"histogram_quantile(0.5, sum by (le) (rate({_RECONCILE_SECONDS}[{WINDOW}])))", "half"),
                Query(
                    f"histogram_quantile(0.99, sum by (le) (rate({_RECONCILE_SECONDS}[{WINDOW}])))", "99 %"
                ),
            ),
            "s",
        ),
        Panel(
            "Databases that wait",
            (Query(f"max({_QUEUE})", "in the queue"), Query(f"max({_RETRIED})", "failed last time")),
        ),
        Panel(
            "Requests to the API server",
            (Query(f"sum by (verb) (rate({_REQUESTS}[{WINDOW}]))", "{{verb}}"),),
            "reqps",
        ),
        Panel(
            "Reviews",
            (Query(f"sum by (verdict) (rate({_REVIEWS}[{WINDOW}]))", "{{verdict}}"),),
            "reqps",
            "What users and tools change, and how much of it is refused.",
        ),
        Panel(
            "Mistakes in reviews",
            (Query(f"sum by (field) (rate({_REJECTIONS}[{WINDOW}]))", "{{field}}"),),
            "ops",
            "By the field of the spec that is wrong.",
        ),
        Panel(
            "Time of a review",
            (Query(f"histogram_quantile(0.99, sum by (le) (rate({_REVIEW_SECONDS}[{WINDOW}])))", "99 %"),),
            "s",
        ),
        Panel(
            "Memory",
            (Query(f"max by (pod) ({_MEMORY})", "{{pod}}"),),
            "bytes",
            width=8,
        ),
        Panel(
            "Processor",
            (Query(f"max by (pod) (rate({_CPU}[{WINDOW}]))", "{{pod}}"),),
            "percentunit",
            width=8,
        ),
    ),
)
