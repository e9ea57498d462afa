"""The pages about conditions, and about the events that tell of their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.documentation.tables import code, prose, table
from schemas.reasons import REASONS
from schemas.reasons.conditions import CONDITIONS
from schemas.reasons.reason import Telling

TOLD: Final[Mapping[Telling, str]] = {
    "always": "when it becomes so",
    "unprompted": "when READY is lost without a change of the spec",
    "step": "with each step",
    "never": "",
}
_CONDITIONS: Final = """\
# Conditions

<!-- Generated from schemas/reasons by `make manifests`. -->

`kubectl describe pgdb NAME` shows them, each with a [reason](reasons.md) and a message;
`kubectl wait --for=condition=Ready pgdb/NAME` waits for one. Each is True, False, or Unknown where nothing
can be said yet. How Flux, Argo CD and scripts read Ready, Reconciling and Stalled is
[in How to](../how-to/operate.md#wait-for-a-database-in-scripts-flux-and-argo-cd).

"""
_EVENTS: Final = """\
# Events

<!-- Generated from schemas/reasons by `make manifests`. -->

`kubectl events --for pgdb/NAME` lists them, `kubectl pgdb status NAME` the last five. Kubernetes keeps an
event for an hour by default. What lasts is a [condition](conditions.md), with the same reason. What to do
about each is in the [list of reasons](reasons.md).

"""


def conditions() -> str:
    """Return the page about conditions."""
    rows = ((code(name), prose(meaning)) for name, meaning in CONDITIONS.items())
    return _CONDITIONS + table("condition", "True means", rows=rows)


def events() -> str:
    """Return the page about events."""
    rows = (
        (code(name), reason.type, TOLD[reason.telling], prose(reason.meaning))
        for name, reason in sorted(REASONS.items())
        if TOLD[reason.telling]
    )
    return _EVENTS + table("event", "type", "told", "meaning", rows=rows)
