"""What became of the restores in place that an annotation of the database asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import msgspec

from controller.desired import names
from controller.kube.objects import annotations_of
from controller.observe.instances.instance import Instance
from controller.observe.instances.pods import Trouble
from controller.observe.state import ObservedState
from controller.protocol.member import moment

RESTORED_TO = "keddah.dev/restored-to"
"""Annotation of the StatefulSet and of NAME-backup, as JSON: what was asked for last, and what came of it."""

SUPERSEDED: Final = "its data is from before the restore in place, and is replaced by a copy of the primary"
_SKEW: Final = timedelta(seconds=10)
"""By how much clocks may differ."""


class Past(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """It is noted twice, for what was asked for once must not be done again."""

    to: str = ""
    """What was carried out last: a moment, or `former`."""
    aside: str = ""
    """The suffix of the data that was set aside."""
    at: str = ""
    """When it was found to be over (RFC 3339, in UTC): what was backed up before is of other data."""
    refused: str = ""
    """What was refused since, and is not tried again."""
    why: str = ""

    def text(self) -> str:
        """Write it for the annotation; "" for nothing."""
        return msgspec.json.encode(self, order="sorted").decode() if self != Past() else ""


def past(observed: ObservedState, name: str) -> Past:
    """Return what is noted; nothing where that is missing or damaged."""
    settings = observed.children.get("ConfigMap", {}).get(names.backup_settings(name))
    for manifest in (observed.statefulset, settings):
        try:
            return msgspec.json.decode(str(annotations_of(manifest).get(RESTORED_TO, "")), type=Past)
        except msgspec.MsgspecError:
            continue
    return Past()


def with_former_data(observed: ObservedState, name: str) -> tuple[Instance, ...]:
    """Return the instances, those that are only to be replaced after a restore in place told as such.

    As long as the primary has not changed since that was over, no other data can have gone its own way.
    """
    over, acquired = moment(past(observed, name).at), observed.leadership.acquired
    if over is None or acquired is None or acquired > over + _SKEW:
        return observed.instances
    trouble = Trouble("RebuildingStandby", SUPERSEDED)
    return tuple(
        replace(i, superseded=True, trouble=trouble if i.trouble else None) if i.damage == "diverged" else i
        for i in observed.instances
    )
