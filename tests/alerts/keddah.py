"""Of keddah's own processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.series import keddah
from tests.alerts.case import Case, Samples, written

_CONTROLLER: Final = {"namespace": "keddah-system", "pod": "keddah-controller-a", "component": "controller"}
_STANDBY: Final = {**_CONTROLLER, "pod": "keddah-controller-b"}
_WEBHOOKS: Final = {"namespace": "keddah-system", "pod": "keddah-webhooks-a", "component": "webhooks"}


def _counted(each: int, *steps: int) -> Samples:
    """Return the samples of a counter that grows by so much in every other span of steps, and else stands."""
    total, samples = 0, [(0.0, 1)]
    for position, length in enumerate(steps):
        for _ in range(length):
            total += each * (position % 2)
            samples.append((float(total), 1))
    return tuple(samples)


CASES: Final = (
    Case(
        "KeddahControllerDown",
        # One hands over, then both are gone.
        {
            written(keddah("keddah_leader"), **_CONTROLLER): ((1, 5), (0, 5), (None, 20), (1, 10)),
            written(keddah("keddah_leader"), **_STANDBY): ((0, 5), (1, 5), (None, 20), (0, 10)),
        },
        fires=25,
        quiet=(5, 19, 30),
        labels={},
    ),
    Case(
        "KeddahReconcilesStuck",
        {
            written(keddah("keddah_queue_depth"), **_CONTROLLER): ((7, 60),),
            written(keddah("keddah_reconciles_total"), **_CONTROLLER, result="done"): _counted(
                1, 0, 10, 30, 20
            ),
        },
        fires=30,
        quiet=(10, 28, 45),
        labels={},
        value="7",
    ),
    Case(
        "KeddahReconcilesFailing",
        {written(keddah("keddah_reconciles_total"), **_CONTROLLER, result="failed"): _counted(1, 10, 40, 60)},
        fires=30,
        quiet=(12, 27, 70),
        labels={},
        value="15",
    ),
    Case(
        "KeddahWebhooksDown",
        {written(keddah("keddah_webhook_draining"), **_WEBHOOKS): ((0, 5), (1, 1), (None, 10), (0, 10))},
        fires=11,
        quiet=(4, 8, 17),
        labels={},
    ),
    Case(
        "KeddahWebhooksFailing",
        {
            written(keddah("keddah_admission_refused_requests_total"), **_WEBHOOKS, status="500"): _counted(
                1, 10, 15, 30
            ),
            # Whoever sends what is no review is refused, and nobody is told.
            written(keddah("keddah_admission_refused_requests_total"), **_WEBHOOKS, status="400"): _counted(
                1, 0, 100
            ),
        },
        fires=18,
        quiet=(10, 14, 45),
        labels={"pod": "keddah-webhooks-a"},
    ),
    Case(
        "KeddahWebhooksFailing",
        {
            written(
                keddah("keddah_webhook_certificate_loads_total"), **_WEBHOOKS, result="refused"
            ): _counted(1, 5, 15)
        },
        fires=15,
        quiet=(5,),
        labels={"pod": "keddah-webhooks-a"},
    ),
    Case(
        "KeddahWebhookCertificateExpiring",
        # Time begins at 0 here. A pod that has no certificate yet says 0.
        {
            written(keddah("keddah_webhook_serving_certificate_expiry_timestamp_seconds"), **_WEBHOOKS): (
                (0, 3),
                (8 * 86400, 45),
                (99 * 86400, 9),
            )
        },
        fires=26,
        quiet=(2, 25, 49),
        labels={"pod": "keddah-webhooks-a"},
        value="6d 22h 0m 0s",
        step=timedelta(hours=1),
    ),
    Case(
        "KeddahRestarting",
        {
            written(keddah("process_start_time_seconds"), **_CONTROLLER): (
                (0, 10),
                *(((60 * start, 3)) for start in range(10, 22, 3)),
                (1300, 90),
            )
        },
        fires=30,
        quiet=(15, 100),
        labels={"pod": "keddah-controller-a"},
        value="5",
    ),
)
