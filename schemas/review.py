"""What a rule sees: an object, what is stored, the policy and the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from schemas.policy import Policy
    from schemas.types import PostgreSQLDatabase, Spec


@dataclass(frozen=True, slots=True)
class Review:
    """One object under judgement; `old` is None for one that is new."""

    new: PostgreSQLDatabase
    old: PostgreSQLDatabase | None
    policy: Policy
    today: date

    @property
    def spec(self) -> Spec:
        """The spec under judgement."""
        return self.new.spec

    @property
    def before(self) -> Spec | None:
        """The stored spec, if there is one."""
        return self.old.spec if self.old is not None else None

    def changed(self, *fields: str) -> bool:
        """Tell whether any of these fields of the spec is new or differs: rules apply to nothing else.

        So a stricter release or policy never freezes an object that was accepted before it.
        """
        before = self.before
        return before is None or any(getattr(self.spec, name) != getattr(before, name) for name in fields)

    @property
    def major(self) -> int:
        """PostgreSQL's major version that the spec means; the policy's when it says nothing readable."""
        version = self.spec.version or self.policy.default_version
        digits = version.partition(".")[0]
        return int(digits if digits.isdecimal() else self.policy.default_version.partition(".")[0])
