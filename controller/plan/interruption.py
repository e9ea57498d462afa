"""Why the execution of a plan ended early; raised by `act`, read where the outcome is decided."""

from __future__ import annotations


class Interruption(Exception):  # noqa: N818 - what happened to the plan
    """Something other than the API server ended the execution of a plan."""


class Declined(Interruption):
    """Patroni refused a request; the next reconcile observes and decides again."""


class Overtaken(Interruption):
    """What was planned on has changed: the primary, a pause of Patroni's, or the database is deleted."""


class KeysMissing(Interruption):
    """The Secret with the database's CA is missing or damaged; the next reconcile restores it."""
