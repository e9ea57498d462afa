"""What an alert is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

RUNBOOKS: Final = "docs/runbooks.md"
"""The page with a section for each alert, in this repository."""
_SERVED: Final = "runbooks.html"
"""The same in the site that `make docs` builds, wherever that is served."""


class Severity(StrEnum):
    """Who is to be told, and when."""

    CRITICAL = "critical"
    """Somebody, now: applications are refused, or data is in danger."""
    WARNING = "warning"
    """Whoever comes next to work: it becomes critical if nothing is done."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Texts may have `{{ $labels.NAME }}` and `{{ $value }}`."""

    name: str
    expression: str
    lasts: timedelta
    """How long the expression holds before anybody is told."""
    severity: Severity
    summary: str
    """What is wrong, in a line."""
    next: str
    """What it means, and what to do first."""

    def runbook(self, docs: str = "") -> str:
        """Return where its section is: in the site at the address `docs`, or in the repository."""
        return f"{runbooks(docs)}#{self.name.lower()}"


def runbooks(docs: str) -> str:
    """Return where the page is: in the site at the address `docs`, or without one in the repository."""
    return f"{docs.rstrip('/')}/{_SERVED}" if docs else RUNBOOKS


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts about one subject, in the order of the page of runbooks."""

    name: str
    alerts: tuple[Alert, ...]
