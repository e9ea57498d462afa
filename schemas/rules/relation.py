"""One rule that both the API server and admission enforce: a line of CEL, and the same in Python."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.api.types import Spec
from schemas.verdict import Violation, shown

if TYPE_CHECKING:
    from schemas.rules.review import Review


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A rule that relates fields to each other, or a field to its stored value."""

    at: str
    """The schema position that carries the CEL rule: `self` is what stands there."""
    cel: str
    value: Callable[[Spec], Any]
    """The Python half's operand, read from the new and from the stored spec."""
    holds: Callable[[Any, Any], bool] = operator.eq
    """The Python half, over the new and the stored operand."""
    message: str
    """`{self}` stands for what was given, `{oldSelf}` for what is stored, both strings."""
    child: str = ""
    """The field below `at` that is to blame, if it is not `at` itself."""
    given: str = "self"
    """The CEL expression behind `{self}`."""
    stored: str = "oldSelf"
    """The CEL expression behind `{oldSelf}`."""

    @property
    def transition(self) -> bool:
        """Whether it relates to what is stored, so that it says nothing about a new object."""
        return "oldSelf" in self.cel

    def validation(self) -> dict[str, str]:
        """Write the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel}
        pieces = re.split(r"(\{self\}|\{oldSelf\})", self.message)
        if len(pieces) == 1:
            entry["message"] = self.message
        else:
            operands = {"{self}": self.given, "{oldSelf}": self.stored}
            quoted = '"'.join(pieces)
            parts = re.split(r"(\{self\}|\{oldSelf\})", quoted)
            entry["messageExpression"] = " + ".join(
                operands.get(part) or f"'{part}'" for part in parts if part
            )
        if self.child:
            entry["fieldPath"] = self.child
        return entry

    def violation(self, review: Review) -> Violation | None:
        """Judge by the Python half; what did not change is not judged."""
        if review.before is None and self.transition:
            return None
        given = self.value(review.spec)
        stored = self.stored_value(review)
        if given == stored or self.holds(given, stored):
            return None
        message = self.message
        for operand, value in (("{self}", given), ("{oldSelf}", stored)):
            if operand in message:
                message = message.replace(operand, shown(value))
        return Violation((self.at + self.child).removeprefix("."), message)

    def stored_value(self, review: Review) -> Any:  # noqa: ANN401 - as `value`
        """Return the operand of what is stored; None for a new object."""
        return self.value(review.before) if review.before is not None else None
