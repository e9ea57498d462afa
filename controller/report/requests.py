"""What became of the requests about instances: in the status, and as events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from controller.observe.instances.asked import notes
from controller.report.finding import StatusComponent, Subject
from controller.report.primaries import Event

_PREFIX: Final = "keddah.dev/"
_EVENTS: Final[Mapping[str, str]] = {"Done": "RequestDone", "Refused": "RequestRefused"}


def _fields(subject: Subject) -> dict[str, Any]:
    found = [
        {
            "name": name.removeprefix(_PREFIX),
            "id": note.value,
            "state": note.state,
            "time": note.at,
            "message": note.message,
        }
        for name, note in sorted(notes(subject.observed).items())
        if note.at
    ]
    return {"requests": found} if found else {}


def answers(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Event]:
    """Return the events that answer requests: one for each that was done, or refused, since."""
    was = {each["name"]: each for each in before.get("requests") or []}
    events = []
    for each in after.get("requests") or []:
        last = was.get(each["name"], {})
        if each["state"] not in _EVENTS or (last.get("id"), last.get("state")) == (each["id"], each["state"]):
            continue
        # That of a switchover is told by SwitchedOver.
        if (each["name"], each["state"], last.get("state")) != ("switchover-now", "Done", "UnderWay"):
            words = f"{each['name']}={each['id']}: {each['message']}"
            events.append(Event(_EVENTS[each["state"]], words))
    return events


REQUESTS: Final = StatusComponent(findings=lambda _: (), fields=_fields)
