"""Alerts about the instances' volumes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.promql import DATABASE, POD, of_instance
from deploy.generate.monitoring.series import instance

_FEW_DAYS: Final = 3
_LITTLE: Final = 0.25
_LEAST: Final = 0.07
"""Of a volume of 1 GiB this is twice the 32 MiB at which keddah has PostgreSQL refuse writes."""
_ENOUGH: Final = 50 * (1 << 30)
"""Bytes that are no emergency, however large the volume."""

_AVAILABLE: Final = instance("keddah_instance_volume_available_bytes")
_SIZE: Final = instance("keddah_instance_volume_bytes")

_GROW: Final = (
    "kubectl --namespace {{ $labels.namespace }} patch pgdb {{ $labels.database }} --type=merge"
    ' -p \'{"spec":{"storage":{"size":"..."}}}\''
)

STORAGE: Final = Group(
    "keddah-storage",
    (
        Alert(
            "KeddahVolumeFull",
            f"{of_instance(_AVAILABLE)} / {of_instance(_SIZE)} < {_LEAST}"
            f" and {of_instance(_AVAILABLE)} < {_ENOUGH}",
            timedelta(minutes=2),
            Severity.CRITICAL,
            f"Of the volume of {POD} {{{{ $value | humanizePercentage }}}} are free",
            f"At the end the database refuses writes. Grow the volumes of {DATABASE}, which takes no restart:"
            f" {_GROW}. If WAL is what fills it, see to the archive and the slots first",
        ),
        Alert(
            "KeddahVolumeFilling",
            f"{of_instance(_AVAILABLE)} / {of_instance(_SIZE)} < {_LITTLE}"
            f" and {of_instance(f'predict_linear({_AVAILABLE}[6h], {_FEW_DAYS * 86400})')} < 0",
            timedelta(hours=1),
            Severity.WARNING,
            f"The volume of {POD} is full within {_FEW_DAYS} days, at the pace of the last six hours",
            "{{ $value | humanizePercentage }} of it are free. Find out what grows on the board (databases,"
            f" WAL, temporary files), or grow the volumes: {_GROW}",
        ),
    ),
)
