"""Which changes of conditions deserve an event: what a person would want to know, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from schemas.reasons import REASONS
from schemas.reasons.reason import Reason, Type

Condition: TypeAlias = Mapping[str, Any]

_OF_IMAGES = frozenset(
    {
        "DowngradeRefused",
        "NotInCatalogue",
        "UpgradeHalted",
        "UpgradePending",
        "UpgradeQueued",
        "Upgrading",
    }
)
"""Reasons of the condition UpToDate that no other condition has."""


_OF_SLOTS = frozenset({"SlotHoldsWAL", "SlotInvalid"})
"""Reasons of the condition Replicated that nobody would look for."""

_OF_BACKUPS = frozenset({"BackupOverdue", "BackupsSuspended", "RepositoryReplaced"})
"""Reasons of the condition BackedUp that no run's own event tells."""


def transitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[Type, str, str]]:
    """Return what deserves an event, from two statuses: (event type, reason, message)."""
    events: list[tuple[Type, str, str]] = []
    old = {c["type"]: c for c in before.get("conditions") or []}
    for condition in after.get("conditions") or []:
        last = old.get(condition["type"], {})
        if (last.get("status"), last.get("reason")) == (condition["status"], condition["reason"]):
            continue
        if reason := _told(last, condition):
            message = condition["message"]
            # What else is waited for stands behind the semicolon.
            words = message if reason != "Ready" else message.partition("; ")[0]
            events.append((_reason(reason).type, reason, words))
    return events


def _told(last: Condition, condition: Condition) -> str:
    """Return the reason to tell of a condition that changed; "" if it deserves no event."""
    reason: str = condition["reason"]
    match condition["type"]:
        case "Ready":
            return _news(last, condition)
        case "Replicated":
            return reason if reason in _OF_SLOTS else ""
        case "UpToDate" if condition["status"] == "True" and last.get("status") == "False":
            return "UpToDate"
        case "UpToDate":
            return reason if reason in _OF_IMAGES else ""
        case "BackedUp":
            return reason if reason in _OF_BACKUPS else ""
        case "ArchivingWAL" if condition["status"] == "True":
            return reason if last.get("status") == "False" else ""
        case "ArchivingWAL" | "Monitored":
            return reason if condition["status"] == "False" else ""
        case _:
            return ""


def _news(last: Condition, condition: Condition) -> str:
    """Return the reason to tell when the condition Ready has changed.

    What a change of the spec leads to is told by its end, and steps have events of their own.
    """
    reason: str = condition["reason"]
    holds, held = condition["status"] == "True", last.get("status") == "True"
    before = _reason(last.get("reason", "")).telling
    match _reason(reason).telling:
        case "always" if reason == "Ready":
            return reason if not held or before != "never" else ""
        case "always":
            return reason
        case "unprompted":
            prompted = last.get("observedGeneration") != condition["observedGeneration"]
            return reason if held and not holds and before == "always" and not prompted else ""
        case "never":
            # Nothing more may come of it than the reason's change to Ready.
            return "Ready" if holds and last.get("status") == "False" else ""
        case "step":
            return ""


def _reason(name: str) -> Reason:
    return REASONS.get(name) or Reason("", "", "Warning")
