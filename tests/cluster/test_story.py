"""What people are told when the primary changes: in order, with the reason, and soon."""

from __future__ import annotations

import time
from datetime import datetime

from tests.clusters import POLL
from tests.databases import Database
from tests.rest import Object
from tests.waiting import until

SOON = 2.0
QUICK = 0.02
KILL = "kill -KILL $(cat /proc/1/task/1/children)"
"""The first process of a container is safe from those inside; it ends with its children."""


def test_a_killed_primary_is_told_of_in_order_and_soon(trio: Database) -> None:
    old, earlier = trio.primary(), len(trio.events())
    begun = time.time()
    trio.execute(old, "sh", "-c", KILL)
    until(lambda: trio.condition("Ready").get("status") == "False", 10, trio.story, QUICK)
    noticed = time.time() - begun
    until(lambda: lock(trio).get("leader") not in (None, old), 30, trio.story, QUICK)
    new = lock(trio)["leader"]
    until(lambda: trio.status().get("primary") == new, 30, trio.story, QUICK)
    flipped = time.time() - datetime.fromisoformat(lock(trio)["acquireTime"]).timestamp()
    print(f"Ready was False after {noticed:.2f} s, status.primary followed the lock after {flipped:.2f} s")
    assert noticed < SOON
    assert flipped < SOON
    trio.settled()
    story = [event for event in trio.events()[earlier:] if event.startswith(("PrimaryLost", "FailedOver"))]
    lost, taken = story
    assert lost.startswith(f"PrimaryLost: {old} was primary: its container ended (Error, exit code 137)")
    assert taken.startswith(f"FailedOver: {new} is primary since ")
    assert f"after {old}: its container ended" in taken
    assert "writes were refused for about" in taken


def test_a_switchover_is_told_as_what_it_is(trio: Database) -> None:
    old, new, earlier = trio.primary(), trio.standbys()[0], len(trio.events())
    trio.switch_over(new)
    told = [event for event in trio.events()[earlier:] if event.startswith(("Switched", "Failed", "Primary"))]
    assert [event.partition(" since")[0] for event in told] == [f"SwitchedOver: {new} is primary"]
    assert f"after {old}: it handed over" in told[0]


def test_a_rolling_restart_says_why_the_primary_moved(trio: Database) -> None:
    old, earlier = trio.primary(), len(trio.events())
    trio.change(template={"annotations": {"story": f"{time.time():.0f}"}})
    until(lambda: trio.status().get("primary") not in (None, old), 120, trio.story, POLL)
    trio.settled()
    told = [event for event in trio.events()[earlier:] if event.startswith("SwitchedOver")]
    assert (
        f"after {old}: it was asked to hand over, for {old} must restart: the pod template changed" in told[0]
    )


def lock(trio: Database) -> Object:
    """Read Patroni's lock."""
    annotations: Object = trio.child("ConfigMap", f"{trio.name}-leader")["metadata"]["annotations"]
    return annotations
