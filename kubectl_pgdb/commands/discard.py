"""`kubectl pgdb discard`."""

from __future__ import annotations

import click

from kubectl_pgdb import asking
from kubectl_pgdb.objects import instance_name
from kubectl_pgdb.session import NAME, Session, command
from kubectl_pgdb.waiting import Look, until


@click.command
@NAME()
@click.argument("instance")
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether it is meant.")
@asking.wait
@asking.timeout
@command
def discard(session: Session, name: str, instance: str, *, yes: bool, wait: bool, timeout: float) -> None:
    """Give up the volume of a standby that is lost or damaged; it is made anew as a copy of the primary.

    Refused while that volume may hold the last good copy.
    """
    claim = f"data-{instance_name(name, instance)}"
    if not (yes or session.shows):
        click.confirm(f"Delete {claim} with its data?", abort=True)
    uid = (session.kubectl.read("get", "persistentvolumeclaim", claim).get("metadata") or {}).get(
        "uid", "UID"
    )
    session.kubectl.change(
        "annotate", "persistentvolumeclaim", claim, "--overwrite", f"{asking.PREFIX}discard={uid}"
    )

    def look() -> Look:
        live = session.kubectl.read(
            "get", "persistentvolumeclaims", f"--field-selector=metadata.name={claim}"
        )
        if any(each["metadata"]["uid"] == uid for each in live["items"]):
            ready = session.database(name).condition("Ready")
            # That of another claim may stand there.
            mine = ready is not None and f"{claim} is kept" in ready.message
            refused = ready is not None and ready.reason == "DiscardRefused" and mine
            return Look(ready.message if ready else "", over=refused, good=not refused)
        return Look(f"{claim} is discarded; `kubectl pgdb status {name}` shows the copy", over=True)

    until(session, "discard", look, timeout if wait else None)
