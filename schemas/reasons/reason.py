"""What there is to say of one reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Type: TypeAlias = Literal["Normal", "Warning"]

Telling: TypeAlias = Literal["always", "unprompted", "step", "never"]
"""When an event tells of a reason: whenever it becomes a condition's; only when Ready is lost although nobody
changed the spec; with each step, and not with the condition; never."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason."""

    meaning: str
    next: str
    """What a person does next, as a sentence; NAME stands for the database, a command is in backquotes."""
    type: Type = "Normal"
    telling: Telling = "always"


def normal(meaning: str, then: str) -> Reason:
    """Return what is told, and is no trouble."""
    return Reason(meaning, then)


def warning(meaning: str, then: str) -> Reason:
    """Return a trouble."""
    return Reason(meaning, then, "Warning")


def progress(meaning: str, then: str) -> Reason:
    """Return what is on its way, and told only if nobody asked for it."""
    return Reason(meaning, then, telling="unprompted")


def step(meaning: str, then: str) -> Reason:
    """Return a step that disrupts an instance."""
    return Reason(meaning, then, telling="step")


def quiet(meaning: str, then: str) -> Reason:
    """Return what no event tells of."""
    return Reason(meaning, then, telling="never")
