"""spec.parameters: every changed one by PostgreSQL's own table, and by Patroni's smaller bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import parameters
from schemas.verdict import Violation, field_path, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review

PATRONI_MINIMUM = {
    "max_connections": 25,
    "max_locks_per_transaction": 32,
    "max_replication_slots": 4,
    "max_wal_senders": 3,
    "max_worker_processes": 2,
}
"""Below these Patroni silently takes its own default (patroni/postgresql/config.py, CMDLINE_OPTIONS)."""

MANY_CONNECTIONS = 1000
"""Each connection is a process; from here on a pooler serves better."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse unknown and reserved parameters, and values that PostgreSQL or Patroni would not take."""
    for name, value in changed(review).items():
        problem = parameters.problem(name, value, review.major) or _below_patroni(name, value)
        if problem is not None:
            yield got(field_path("spec", "parameters", name), value, problem)


def changed(review: Review) -> dict[str, str]:
    """Give the parameters that are new or differ; all when the major does, since its table does."""
    given = review.spec.parameters
    if review.before is None or (review.changed("version") and _major_changed(review)):
        return given
    stored = review.before.parameters
    return (
        given if not stored else {name: value for name, value in given.items() if stored.get(name) != value}
    )


def warnings(review: Review) -> Iterator[str]:
    """Tell of values that are legal and seldom meant."""
    value = changed(review).get("max_connections", "")
    if value.isdecimal() and int(value) > MANY_CONNECTIONS:
        yield warning(
            f"spec.parameters.max_connections: {value} processes on every instance; a pooler needs far fewer"
        )


def _below_patroni(name: str, value: str) -> str | None:
    minimum = PATRONI_MINIMUM.get(name.lower())
    if minimum is None or not value.strip().isdecimal() or int(value) >= minimum:
        return None
    return f"must be at least {minimum}, the least that Patroni takes"


def _major_changed(review: Review) -> bool:
    before = (review.before.version or "") if review.before is not None else ""
    return before.partition(".")[0] != str(review.major)
