"""Of roles and their passwords."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.series import keddah
from tests.alerts.case import Case, written

_ORDERS: Final = {"namespace": "shop", "database": "orders"}
_DUE: Final = written(
    keddah("keddah_database_next_password_rotation_timestamp_seconds"),
    **_ORDERS,
    pod="keddah-controller-a",
    component="controller",
)
_DAY: Final = 86400.0

CASES: Final = (
    Case(
        "KeddahPasswordRotationOverdue",
        # Due after ten minutes; half an hour late, then never, till somebody helps after two hours.
        {_DUE: ((600, 40), (3000, 100), (_DAY, 20))},
        fires=111,
        quiet=(9, 30, 49, 110, 141),
        labels=_ORDERS,
        value="1h 1m 0s",
    ),
    Case(
        "KeddahPasswordRotationOverdue",
        # Hibernated or paused when it was due: the hour begins when that ends.
        {_DUE: ((600, 5), (None, 200), (600, 100), (_DAY, 9))},
        fires=266,
        quiet=(100, 204, 264, 306),
        labels=_ORDERS,
        value="4h 16m 0s",
    ),
)
