"""The page of documentation that lists every reason of a condition or an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons import REASONS
from schemas.reasons.reason import Telling

_TOLD: Final[Mapping[Telling, str]] = {
    "always": "yes",
    "unprompted": "when READY is lost without a change of the spec",
    "step": "with each step",
    "never": "no",
}
_HEAD: Final = (
    "# Reasons of conditions and events",
    "",
    "<!-- Generated from schemas/reasons by `make manifests`. -->",
    "",
    "The names are fixed: alerts and scripts may rely on them. The column STATUS shows that of Ready.",
    "`kubectl pgdb conditions explain REASON` prints a row. NAME stands for the database's name.",
    "",
    "| reason | type | event | meaning | what to do |",
    "|---|---|---|---|---|",
)


def page() -> str:
    """Return the page."""
    rows = (
        f"| `{name}` | {reason.type} | {_TOLD[reason.telling]} | {reason.meaning} | {reason.next} |"
        for name, reason in sorted(REASONS.items())
    )
    return "\n".join((*_HEAD, *rows, ""))
