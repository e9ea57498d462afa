"""The few forms of expressions that alerts and panels have in common."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.series import instance

DATABASE: Final = "{{ $labels.namespace }}/{{ $labels.database }}"
"""How an alert names its database."""
POD: Final = "{{ $labels.namespace }}/{{ $labels.pod }}"
SHOW: Final = "kubectl --namespace {{ $labels.namespace }} describe pgdb {{ $labels.database }}"
"""The command that shows all conditions."""
EVENTS: Final = "kubectl --namespace {{ $labels.namespace }} events --for pgdb/{{ $labels.database }}"
LOGS: Final = "kubectl --namespace {{ $labels.namespace }} logs {{ $labels.pod }} -c postgres --tail=100"


def of_database(expression: object, reduced: str = "max") -> str:
    """Reduce to one value for each database: both of the controller's pods tell, and so do all instances."""
    return f"{reduced} by (namespace, database) ({expression})"


def of_instance(expression: object, reduced: str = "max") -> str:
    """Reduce to one value for each instance."""
    return f"{reduced} by (namespace, database, pod) ({expression})"


def of_slot(expression: object) -> str:
    """Reduce to one value for each replication slot."""
    return f"max by (namespace, database, pod, slot_name) ({expression})"


def on_primary(expression: object) -> str:
    """Keep what a primary says."""
    return f"({expression}) and on (namespace, database, pod) ({instance('pg_replication_is_replica')} == 0)"


def age(moment: object) -> str:
    """Return the seconds since a moment, of each database."""
    return f"time() - {of_database(moment)}"
