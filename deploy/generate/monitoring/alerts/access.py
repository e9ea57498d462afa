"""Alerts about roles and their passwords."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.promql import DATABASE, SHOW, age
from deploy.generate.monitoring.series import keddah

_NEXT: Final = keddah("keddah_database_next_password_rotation_timestamp_seconds")

ACCESS: Final = Group(
    "keddah-access",
    (
        Alert(
            "KeddahPasswordRotationOverdue",
            f"{age(_NEXT)} > 0",
            # A rotation takes seconds, and begins anew when a database wakes up.
            timedelta(hours=1),
            Severity.WARNING,
            f"A password of {DATABASE} should have been rotated {{{{ $value | humanizeDuration }}}} ago",
            "Applications log in with the one that they have, which is older than rotateEvery allows. Whose"
            " it is: kubectl --namespace {{ $labels.namespace }} get pgdb {{ $labels.database }}"
            f" -o jsonpath='{{.status.roles}}'; the condition Provisioned says what it waits for: {SHOW}",
        ),
    ),
)
