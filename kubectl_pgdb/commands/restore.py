"""`kubectl pgdb restore`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import click

from kubectl_pgdb import asking
from kubectl_pgdb.conditions import reached
from kubectl_pgdb.session import NAME, PLURAL, Session, command
from kubectl_pgdb.waiting import Look, until
from schemas.api.types import API_VERSION, KIND
from schemas.rules.requests import FORMER

_COPIED: Final = ("version", "replicas", "database", "owner", "storage", "resources", "parameters", "backup")
"""Fields of the spec that a copy has from its source: what its data needs, and what it takes to run it."""
_DONE: Final = frozenset({"Ready", "StandbysCatchingUp", "InstancesStarting", "RebuildingStandby"})


@click.command
@NAME()
@click.option(
    "--to", help="Moment, such as 2026-11-27T10:00:00Z; `former` takes back what a restore replaced."
)
@click.option("--into", help="A new database of this name, instead of in place.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether it is meant.")
@asking.wait
@click.option("--timeout", type=float, default=7200, show_default=True, help="Seconds to wait at most.")
@command
def restore(session: Session, name: str, *, to: str | None, into: str | None, **given: Any) -> None:  # noqa: ANN401
    """Restore a backup: into a new database, or in place, which replaces the data."""
    seconds = given["timeout"] if given["wait"] else None
    if into:
        _copy(session, name, into, to, seconds)
        return
    if not to:
        raise click.UsageError("say --to which moment; or --into NEW for the newest data in a new database")
    if to == _asked_before(session, name):
        # As with every request, whether it was carried out or refused.
        another = "" if to == FORMER else "; say one a second earlier or later"
        raise click.ClickException(
            f"{name} was asked to restore {to} already, and is not asked twice{another}"
        )
    annotation = f"{asking.PREFIX}restore-to={to}"
    # What admission has against it, or warns of, comes before the question.
    session.say(
        session.kubectl.change("annotate", PLURAL, name, "--overwrite", annotation, "--dry-run=server")
    )
    if not (given["yes"] or session.shows):
        click.confirm(f"Stop {name}, and replace its data by that of {to}?", abort=True)
    session.kubectl.change("annotate", PLURAL, name, "--overwrite", annotation)
    _in_place(session, name, to, seconds)


def _asked_before(session: Session, name: str) -> str:
    """Return what was asked for last: the same value asks for nothing."""
    metadata = session.kubectl.read("get", PLURAL, name).get("metadata") or {}
    return str((metadata.get("annotations") or {}).get(f"{asking.PREFIX}restore-to", ""))


def _in_place(session: Session, name: str, to: str, seconds: float | None) -> None:
    begun: list[str] = []

    def look() -> Look:
        ready = session.database(name).condition("Ready")
        if ready is None:
            return Look("waits for keddah's controller")
        words = f"{ready.reason}: {ready.message}"
        # That of the request before may still stand.
        if ready.reason == "SourceDiffers" or (
            ready.reason == "RestoreRefused" and f"={to}: " in ready.message
        ):
            return Look(words, over=True, good=False)
        begun.extend([ready.reason] if ready.reason == "Restoring" else [])
        return Look(words, over=bool(begun) and ready.reason in _DONE)

    until(session, f"restore to {to}", look, seconds)


def _copy(session: Session, name: str, into: str, to: str | None, seconds: float | None) -> None:
    # Read even where only commands are shown: what is created follows from it.
    live = replace(session.kubectl, show=False).read("get", PLURAL, name)
    manifest = json.dumps(copied(live.get("spec") or {}, name, into, to), indent=2)
    session.say(session.kubectl.change("create", "--filename=-", given=manifest).strip())
    reached(session, into, f"restore into {into}", "Ready", seconds)


def copied(spec: Mapping[str, Any], name: str, into: str, to: str | None) -> dict[str, Any]:
    """Return the manifest of a database that begins with another's backups."""
    kept = {field: spec[field] for field in _COPIED if field in spec}
    if "backup" in kept:
        # Its own repository: the source's, a bucket's folder say, is another database's.
        kept["backup"] = {key: value for key, value in kept["backup"].items() if key != "repository"}
    source = {"from": {"name": name}} | ({"targetTime": to} if to else {})
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": into},
        "spec": {**kept, "restore": source},
    }
