"""Why something that was asked for, or would help, is left undone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """The doubt that speaks against it, in words for people."""

    reason: str
