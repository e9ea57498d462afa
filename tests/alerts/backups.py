"""Of backups and WAL."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.series import keddah
from tests.alerts.case import Case, written

_ORDERS: Final = {"namespace": "shop", "database": "orders"}
_HOUR: Final = timedelta(hours=1)
_DAY: Final = 24


def _of(name: str, pod: str = "keddah-controller-a", **labels: str) -> str:
    return written(keddah(f"keddah_database_{name}"), **_ORDERS, pod=pod, component="controller", **labels)


CASES: Final = (
    Case(
        "KeddahArchivingFailing",
        # Both of the controller's pods tell, and it is one alert.
        {
            _of("condition", condition="ArchivingWAL"): ((1, 5), (0, 20), (1, 10)),
            _of("condition", "keddah-controller-b", condition="ArchivingWAL"): ((1, 5), (0, 20), (1, 10)),
        },
        fires=15,
        quiet=(4, 14, 25),
        labels=_ORDERS,
    ),
    Case(
        "KeddahArchivingLate",
        {_of("archive_lag_seconds"): ((600, 5), (2400, 30), (0, 10))},
        fires=20,
        quiet=(4, 19, 35),
        labels=_ORDERS,
        value="40m 0s",
    ),
    Case(
        "KeddahNotBackedUp",
        {_of("condition", condition="BackedUp"): ((1, 5), (0, 80), (1, 10))},
        fires=65,
        quiet=(4, 64, 85),
        labels=_ORDERS,
    ),
    Case(
        "KeddahBackupUnproven",
        # Time begins at 0 here: this is the age of what was verified then.
        {_of("last_verified_timestamp_seconds"): ((0, 18 * _DAY), (17 * 86400, 2 * _DAY))},
        fires=15 * _DAY + 2,
        quiet=(15 * _DAY, 15 * _DAY + 1, 18 * _DAY),
        labels=_ORDERS,
        value="15d 2h 0m 0s",
        step=_HOUR,
    ),
    Case(
        "KeddahBackupUnproven",
        {
            _of("oldest_restorable_timestamp_seconds"): ((0, 18 * _DAY), (17 * 86400, 2 * _DAY)),
            _of("last_verified_timestamp_seconds"): ((None, 17 * _DAY), (17 * 86400, 3 * _DAY)),
        },
        fires=15 * _DAY + 2,
        quiet=(15 * _DAY, 17 * _DAY),
        labels=_ORDERS,
        value="15d 2h 0m 0s",
        step=_HOUR,
    ),
)
