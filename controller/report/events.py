"""Events (events.k8s.io/v1), as `kubectl describe` shows them; pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from controller.kube.kinds import KINDS
from controller.kube.objects import Manifest, micro_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_REMEMBERED = 1000
_NOTE_LIMIT = 1024  # events.k8s.io/v1, Event.note


class Series:
    """Counts how often each of the latest thousand events was sent, by name."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def next(self, name: str) -> int:
        """Return the next count of an event that exists already; the first call returns 2."""
        count = self._counts.pop(name, 1) + 1
        self._counts[name] = count
        if len(self._counts) > _REMEMBERED:
            del self._counts[next(iter(self._counts))]
        return count


def event(regarding: Mapping[str, Any], kind: str, reason: str, message: str, now: datetime) -> Manifest:
    """Return an Event about the object `regarding`; equal type, reason and message give an equal name."""
    metadata = regarding["metadata"]
    text = "\0".join((metadata["uid"], kind, reason, message))
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return {
        "apiVersion": KINDS["Event"].api_version,
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
        "eventTime": micro_time(now),
        "type": kind,
        "reason": reason,
        "action": reason,
        "note": message[:_NOTE_LIMIT],
        "reportingController": "keddah.dev/controller",
        "reportingInstance": "keddah-controller",
        "regarding": {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def repeated(count: int, observed: str) -> Manifest:
    """Return the patch that makes an event one of a series, last observed at that MicroTime."""
    return {"series": {"count": count, "lastObservedTime": observed}}
