"""Asks the controller by an annotation of the database, and waits for its answer."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

import click

from kubectl_pgdb.objects import instance_name
from kubectl_pgdb.session import PLURAL, Session
from kubectl_pgdb.waiting import Look, until

PREFIX: Final = "keddah.dev/"
_DIGITS: Final = 8

wait = click.option("--wait/--no-wait", default=True, help="Wait for the end (the default).")
timeout = click.option(
    "--timeout", type=float, default=600, show_default=True, help="Seconds to wait at most."
)


def identity(now: datetime) -> str:
    """Return an id that nobody has used."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def annotate(session: Session, name: str, annotation: str, value: str) -> None:
    """Set an annotation of a database."""
    given = f"{PREFIX}{annotation}={value}"
    session.kubectl.change("annotate", PLURAL, name, "--overwrite", given)


def ask(session: Session, name: str, annotation: str, instance: str = "") -> str:
    """Ask for something once; return the value of the annotation."""
    value = identity(session.now()) + (f"/{instance}" if instance else "")
    annotate(session, name, annotation, value)
    return value


def answered(session: Session, name: str, annotation: str, value: str, seconds: float | None) -> None:
    """Wait for the controller's answer in `status.requests`."""

    def look() -> Look:
        status = session.kubectl.read("get", PLURAL, name).get("status") or {}
        found = [each for each in status.get("requests") or [] if each["name"] == annotation]
        if not found or found[0]["id"] != value:
            return Look("waits for keddah's controller")
        state, message = found[0]["state"], str(found[0]["message"])
        return Look(
            message if state != "Refused" else f"refused: {message}", state != "UnderWay", state != "Refused"
        )

    until(session, annotation.removesuffix("-now"), look, seconds)


def job_ended(session: Session, name: str, annotation: str, value: str, seconds: float | None) -> None:
    """Wait for the end of the Job that the controller makes of a request about backups."""
    digest = hashlib.sha256(f"{PREFIX}{annotation}={value}".encode()).hexdigest()[:_DIGITS]
    command = annotation.removesuffix("-now")

    def look() -> Look:
        found = session.database(name)
        run = next((each for each in found.runs if each.name == f"{name}-{command}-{digest}"), None)
        if run is None:
            ready = found.condition("BackedUp")
            return Look(f"waits for its turn ({ready.message if ready else 'not looked at yet'})")
        if run.state not in ("Succeeded", "Failed"):
            return Look(f"{run.name} is {run.state.lower()}")
        error = found.backups.get("lastError") or {}
        why = f"{error.get('reason', 'Failed')}: {error.get('message', run.message)}"
        good = run.state == "Succeeded"
        return Look(f"{run.name} succeeded" if good else why, over=True, good=good)

    until(session, command, look, seconds)


def request(
    session: Session, name: str, annotation: str, *, instance: str | None = None, wait: bool, timeout: float
) -> None:
    """Ask for something that `status.requests` answers, and wait for that if somebody wants to."""
    value = ask(session, name, annotation, instance_name(name, instance) if instance else "")
    answered(session, name, annotation, value, timeout if wait else None)
