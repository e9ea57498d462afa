"""Waits until a database has reached a state."""

from __future__ import annotations

from kubectl_pgdb.session import PLURAL, Session
from kubectl_pgdb.waiting import Look, until


def reached(session: Session, name: str, what: str, reason: str, seconds: float | None) -> None:
    """Wait until Ready is True for this reason, in the generation that there is now."""

    def look() -> Look:
        live = session.kubectl.read("get", PLURAL, name)
        status = live.get("status") or {}
        ready = next((each for each in status.get("conditions") or [] if each["type"] == "Ready"), None)
        if ready is None or status.get("observedGeneration") != live["metadata"].get("generation"):
            return Look("waits for keddah's controller")
        words = f"{ready['reason']}: {ready['message']}"
        return Look(words, over=ready["status"] == "True" and ready["reason"] == reason)

    until(session, what, look, seconds)
