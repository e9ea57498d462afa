"""Who held Patroni's locks before those who hold them now, and when each was renewed last.

Passes cannot know it: a renewal is no news that would wake one, and between two holders a lock is free for
less than a pass lasts. The watches tell of every renewal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.kube.objects import Identity


@dataclass(frozen=True, slots=True)
class Term:
    """The time in which one member held a lock."""

    holder: str
    renewed: str
    """When the holder renewed it last, as Patroni wrote it by the clock of the holder's node."""


class Terms:
    """Remembers two terms of each lock: the newest, and the one before."""

    def __init__(self) -> None:
        self._terms: dict[Identity, tuple[Term, Term | None]] = {}

    def note(self, lock: Identity, manifest: Mapping[str, Any]) -> None:
        """Take note of a ConfigMap; only a lock has a holder and a time (Patroni, dcs/kubernetes.py)."""
        annotations = manifest["metadata"].get("annotations") or {}
        holder, renewed = annotations.get("leader"), annotations.get("renewTime")
        if not holder or not renewed:
            return
        newest, before = self._terms.get(lock, (None, None))
        if newest is not None and newest.holder != holder:
            before = newest
        self._terms[lock] = Term(holder, renewed), before

    def newest(self, lock: Identity) -> Term | None:
        """Return the term of whoever holds the lock, or held it last; None of a lock that is not known."""
        return self._terms.get(lock, (None, None))[0]

    def before(self, lock: Identity) -> Term | None:
        """Return the last term of whoever held the lock before; None when nobody else was seen to."""
        return self._terms.get(lock, (None, None))[1]

    def forget(self, lock: Identity) -> None:
        """Drop what is remembered of a lock that is gone."""
        self._terms.pop(lock, None)
