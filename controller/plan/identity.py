"""PostgreSQL's system identifier, kept on the StatefulSet in case Patroni's ConfigMap is lost.

Patroni keeps it in NAME-config. Without it, an instance without data may run initdb, and those with data
then refuse to join (Patroni 4.1, ha.py, bootstrap and _run_cycle).
"""

from __future__ import annotations

from controller.desired import names
from controller.observe.world import World
from controller.plan.actions import Identify

IDENTIFIER = "keddah.dev/system-identifier"
"""Annotation of the StatefulSet."""


def identifier(world: World) -> str:
    """Return the system identifier, "" before initdb."""
    live = world.statefulset or {"metadata": {}}
    remembered: str = (live["metadata"].get("annotations") or {}).get(IDENTIFIER, "")
    return world.leadership.identifier or remembered


def identification(world: World, name: str) -> list[Identify]:
    """Return the action that restores the identifier when NAME-config has lost it."""
    known = identifier(world)
    if not known or world.leadership.identifier or not world.claims:
        return []
    return [Identify(names.config(name), known, "Patroni no longer knows which database this is")]
