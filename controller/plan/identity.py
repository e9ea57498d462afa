"""PostgreSQL's system identifier, given back to Patroni when its ConfigMap has lost it.

Patroni keeps it in NAME-config. Without it, an instance without data may run initdb, and those with data
then refuse to join (Patroni 4.1, ha.py, bootstrap and _run_cycle).
"""

from __future__ import annotations

from controller.desired import names
from controller.observe.identity import identifier
from controller.observe.state import ObservedState
from controller.plan.actions import Identify


def identification(observed: ObservedState, name: str) -> list[Identify]:
    """Return the action that restores the identifier when NAME-config has lost it."""
    known = identifier(observed)
    if not known or observed.leadership.identifier or not observed.claims:
        return []
    return [Identify(names.config(name), known, "Patroni no longer knows which database this is")]
