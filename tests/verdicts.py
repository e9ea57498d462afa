"""What admission says of a new object, against the tests' policy and on one day."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.admit import admit
from tests import factory

POLICY = factory.policy()
TODAY = date(2026, 11, 23)


def refused(**spec: Any) -> list[str]:  # noqa: ANN401
    """Give every violation of a complete database with these fields, as text."""
    manifest = factory.complete_database(**spec)
    return [str(violation) for violation in admit(manifest, policy=POLICY, today=TODAY).violations]
