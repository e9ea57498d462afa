"""What admission says of a new object, against the tests' policy and on one day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.admit import admit
from schemas.verdict import Verdict
from tests import factory

POLICY = factory.policy()
NOW = datetime(2026, 11, 23, tzinfo=UTC)
_SHOWN = 120


def refused(before: dict[str, Any] | None = None, /, **spec: Any) -> list[str]:  # noqa: ANN401
    """Give every violation of a complete database with these fields, as text; stored is one with `before`."""
    return [str(violation) for violation in _verdict(before, spec).violations]


def warned(before: dict[str, Any] | None = None, /, **spec: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Give every warning about a complete database with these fields; stored is one with `before`."""
    return _verdict(before, spec).warnings


def _verdict(before: dict[str, Any] | None, spec: dict[str, Any]) -> Verdict:
    stored = None if before is None else factory.complete_database(**before)
    return admit(factory.complete_database(**spec), stored, policy=POLICY, now=NOW)


def unshowable(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Give the warnings of a creation and of an update that kubectl would not show whole, on one line."""
    stored, given = factory.complete_database(**old), factory.complete_database(**new)
    verdicts = (admit(given, policy=POLICY, now=NOW), admit(given, stored, policy=POLICY, now=NOW))
    warnings = (warning for verdict in verdicts for warning in verdict.warnings)
    return [warning for warning in warnings if len(warning) >= _SHOWN or "\n" in warning]
