"""spec.parameters: checks each changed one against PostgreSQL's own table, and a few more rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.postgresql.parameters import check as parameters
from schemas.verdict import Violation, field_path, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review

MANY_CONNECTIONS = 1000
"""Each connection is a process; from here on a pooler serves better."""

_OF_TEXT = frozenset({"log_line_prefix", "log_timezone"})
"""Each line of JSON has all that a prefix could have, and its time in UTC."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse unknown, duplicate and reserved parameters, and values that PostgreSQL does not accept."""
    spelled: dict[str, str] = {}
    for name in review.spec.parameters:
        spelled.setdefault(name.lower(), name)
    for name, value in changed(review).items():
        first = spelled[name.lower()]
        problem = (
            parameters.problem(name, value, review.major)
            if first == name
            else f"is the same parameter as {first}; leave one out"
        )
        if problem is not None:
            yield got(field_path("spec.parameters", name), value, problem)


def changed(review: Review) -> dict[str, str]:
    """Return the new or changed parameters; all of them when the major, and so its table, changes."""
    given, before = review.spec.parameters, review.before
    if before is None:
        return given
    # An object stored while the webhook was down has no version: then the policy's default applies.
    stored = before.version or review.policy.default_version
    if stored.partition(".")[0] != str(review.major):
        return given
    return {name: value for name, value in given.items() if before.parameters.get(name) != value}


def warnings(review: Review) -> Iterator[str]:
    """Warn of values that are legal but rarely intended."""
    for name, value in changed(review).items():
        doubt = parameters.warning(name, value, review.major)
        if doubt is not None:
            yield warning(f"{field_path('spec.parameters', name)}: {doubt}")
        elif name.lower() in _OF_TEXT and review.spec.logging == "JSON":
            yield f"spec.parameters.{name}: has an effect with spec.logging: Text only"
        elif name.lower() == "max_connections" and _connections(value, review.major) > MANY_CONNECTIONS:
            yield f"spec.parameters.{name}: {value} processes on every instance; a pooler needs far fewer"


def _connections(value: str, major: int) -> float:
    return parameters.number("max_connections", value, major) or 0
