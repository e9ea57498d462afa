"""The present and the former holder of each Patroni leader lock, and their last renewals.

Only the watches see every renewal: a renewal triggers no reconcile, and between two holders the lock is free
for less than a reconcile takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.kube.objects import Identity


@dataclass(frozen=True, slots=True)
class LockTerm:
    """The time in which one member held a leader lock."""

    holder: str
    renewed: str
    """The last renewal, as written by Patroni, by the clock of the holder's node."""


class Terms:
    """Remembers two terms of each lock: the newest, and the one before."""

    def __init__(self) -> None:
        self._terms: dict[Identity, tuple[LockTerm, LockTerm | None]] = {}

    def note(self, lock: Identity, manifest: Mapping[str, Any]) -> None:
        """Record a ConfigMap; only a lock has a holder and a renewal time (Patroni, dcs/kubernetes.py)."""
        annotations = manifest["metadata"].get("annotations") or {}
        holder, renewed = annotations.get("leader"), annotations.get("renewTime")
        if not holder or not renewed:
            return
        newest, before = self._terms.get(lock, (None, None))
        if newest is not None and newest.holder != holder:
            before = newest
        self._terms[lock] = LockTerm(holder, renewed), before

    def newest(self, lock: Identity) -> LockTerm | None:
        """Return the newest term of a lock; None if the lock is not known."""
        return self._terms.get(lock, (None, None))[0]

    def before(self, lock: Identity) -> LockTerm | None:
        """Return the term of the former holder; None if only one holder was seen."""
        return self._terms.get(lock, (None, None))[1]

    def forget(self, lock: Identity) -> None:
        """Forget a lock that was deleted."""
        self._terms.pop(lock, None)
