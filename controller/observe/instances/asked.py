"""What became of the requests about instances that annotations of the database made."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from controller.kube.objects import annotations_of
from controller.observe.state import ObservedState

REQUESTS: Final = "keddah.dev/requests"
"""Annotation of the StatefulSet, as JSON: by the name of an annotation, what it last asked for."""

State: TypeAlias = Literal["UnderWay", "Done", "Refused"]


class Note(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One request. What was asked for once is not done again, whoever forgets it."""

    value: str
    """Of the annotation."""
    state: State
    at: str = ""
    """Since when it is so, RFC 3339."""
    message: str = ""
    primary: str = ""
    """Who was primary as a switchover was asked for."""
    pods: tuple[str, ...] = ()
    """UIDs of the pods that are to be restarted."""


def notes(observed: ObservedState) -> dict[str, Note]:
    """Return what is noted; nothing where that is missing or damaged."""
    text = str(annotations_of(observed.statefulset).get(REQUESTS, "{}"))
    try:
        return msgspec.json.decode(text, type=dict[str, Note])
    except msgspec.MsgspecError:
        return {}


def written(found: dict[str, Note]) -> str:
    """Write it for the annotation."""
    return msgspec.json.encode(found, order="sorted").decode()
