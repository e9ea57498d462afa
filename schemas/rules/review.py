"""What a rule sees: an object, what is stored, the policy and the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.rules.settings import ParameterSettings

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.api.types import PostgreSQLDatabase, Spec
    from schemas.policy.policy import Policy


class Review:
    """One object under judgement; `old` is None for one that is new. What many rules ask is found once."""

    __slots__ = ("_differing", "before", "major", "new", "now", "old", "policy", "settings", "spec")

    def __init__(
        self, new: PostgreSQLDatabase, old: PostgreSQLDatabase | None, policy: Policy, now: datetime
    ) -> None:
        self.new = new
        self.old = old
        self.policy = policy
        self.now = now
        self.spec = new.spec
        self.before = old.spec if old is not None else None
        """The stored spec, if there is one."""
        self.major = _major(new.spec.version or policy.default_version, policy)
        """PostgreSQL's major version that the spec means; the policy's when it says nothing readable."""
        self.settings = ParameterSettings(new.spec.parameters, self.major)
        self._differing = _differing(new.spec, old.spec) if old is not None else None

    def changed(self, *fields: str) -> bool:
        """Tell whether any of these fields of the spec is new or differs: rules apply to nothing else.

        So a stricter release or policy never freezes an object that was accepted before it.
        """
        return self._differing is None or not self._differing.isdisjoint(fields)

    def settings_before(self) -> ParameterSettings:
        """Return the stored parameters, as the major version under judgement reads them."""
        return ParameterSettings(self.before.parameters if self.before is not None else {}, self.major)


def _major(version: str, policy: Policy) -> int:
    digits = version.partition(".")[0]
    return int(digits if digits.isdecimal() else policy.default_version.partition(".")[0])


def _differing(spec: Spec, before: Spec) -> frozenset[str]:
    return frozenset(name for name in spec.__struct_fields__ if getattr(spec, name) != getattr(before, name))
