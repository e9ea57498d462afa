"""What an alert is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

RUNBOOKS: Final = "https://keddah.dev/docs/runbooks/"
"""The page with a section for each alert: docs/runbooks.md."""


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

    @property
    def runbook(self) -> str:
        """Return the address of its section."""
        return f"{RUNBOOKS}#{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts about one subject, in the order of the page of runbooks."""

    name: str
    alerts: tuple[Alert, ...]
