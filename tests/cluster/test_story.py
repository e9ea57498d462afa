"""What people are told when the primary changes: in order, with the reason, and soon."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.clusters import POLL
from tests.databases import Database, moment
from tests.rest import Object
from tests.waiting import until

SOON = 2.0
"""By then, on a machine with nothing else to do, the status says what is so (until)."""
QUICK = 0.02
KILL = "kill -KILL $(cat /proc/1/task/1/children)"
"""The first process of a container is safe from those inside; it ends with its children."""


def test_a_killed_primary_is_told_of_in_order_and_soon(trio: Database) -> None:
    old, begun, before = trio.primary(), moment(), container(trio, trio.primary())
    # Who waits for the command's end may miss what comes of it.
    with ThreadPoolExecutor() as beside:
        beside.submit(trio.execute, old, "sh", "-c", KILL)
        # How soon the kubelet looks at its containers, and how soon Patroni promotes, is not keddah's.
        until(lambda: container(trio, old) != before, 20, trio.story, QUICK)
        until(lambda: trio.condition("Ready").get("status") == "False", SOON, trio.story, QUICK)
    until(lambda: any(name != old for name in trio.primaries()), 30, trio.story, QUICK)
    [new] = (name for name in trio.primaries() if name != old)
    until(lambda: trio.status().get("primary") == new, SOON, trio.story, QUICK)
    trio.settled()
    lost = trio.until_told(
        f"PrimaryLost: {old} was primary: its container ended (Error, exit code 137)", since=begun
    )
    taken = trio.until_told(
        f"FailedOver: {new} is primary since ",
        f"after {old}: its container ended",
        "writes were refused for about",
        since=begun,
    )
    story = [event for event in trio.events(begun) if event.startswith(("PrimaryLost", "FailedOver", "NoP"))]
    assert story == [lost, taken]


def test_a_switchover_is_told_as_what_it_is(trio: Database) -> None:
    old, new, begun = trio.primary(), trio.standbys()[0], moment()
    trio.switch_over(new)
    told = trio.until_told(
        f"SwitchedOver: {new} is primary since ", f"after {old}: it handed over", since=begun
    )
    assert [e for e in trio.events(begun) if e.startswith(("Switched", "Failed", "Primary"))] == [told]


def test_a_rolling_restart_says_why_the_primary_moved(trio: Database) -> None:
    old, begun = trio.primary(), moment()
    trio.change(template={"annotations": {"story": f"{time.time():.0f}"}})
    until(lambda: trio.status().get("primary") not in (None, old), 120, trio.story, POLL)
    trio.settled()
    why = f"after {old}: it was asked to hand over, for {old} must restart: the pod template changed"
    trio.until_told("SwitchedOver: ", why, since=begun)

    def reasons() -> list[str]:
        return sorted(event.partition(":")[0] for event in trio.events(begun))

    # Each step once, and the end: nothing of what was waited for in between.
    steps = ["RollingOut", "RollingOut", "RollingOut", "SwitchedOver", "SwitchingOver"]
    until(lambda: reasons() == ["Ready", *steps], 20, lambda: trio.events(begun), POLL)


def container(trio: Database, pod: str) -> list[Object]:
    """Read what the kubelet says of a pod's containers: how often they began, and in which state they are."""
    statuses = trio.child("Pod", pod)["status"]["containerStatuses"]
    return [{key: status.get(key) for key in ("restartCount", "state")} for status in statuses]
