"""All faults, with what is promised for each and what others reach."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.laboratory import changes, faults, loads, outages
from tests.laboratory.scene import Fault
from tests.laboratory.table import Row

CONTROLLER_ALLOWANCE_SECONDS = 2.0
PLANNED = frozenset(
    {"switchover", "switchover-loaded", "switchover-slow", "node-drained", "rolling-restart", "minor-upgrade"}
)
"""What the controller itself does: without it nothing would ever happen, so it is let live after a while."""
PLANNED_SECONDS = 30.0

# The order spares time: what makes all pods anew follows what makes the kubelet wait with its restarts.
_IDLE: tuple[Row, ...] = (
    Row("switchover", "planned switchover (node cordoned)", changes.switchover, 2, 3, "7.6; 2.2"),
    Row("pod-deleted", "graceful delete of the primary pod", faults.pod_deleted, 2.5, 2.5, "3.8 to 180; 2.2"),
    Row("node-drained", "drain of the primary's node", changes.node_drained, 2.5, 2.5),
    Row(
        "container-killed",
        "SIGKILL of the primary container",
        faults.container_killed,
        2,
        3,
        "6.7; 1.2 to 2.1",
        before=faults.containers_are_new,
    ),
    Row(
        "container-killed-twice",
        "SIGKILL of the primary container, twice",
        faults.container_killed,
        2,
        3,
        "23.5; 13.8 to 21.7",
        before=faults.container_restarted,
    ),
    Row("postmaster-killed", "SIGKILL of the postmaster", faults.postmaster_killed, 2, 3, "9.1; 2.2 to 2.3"),
    Row("backend-killed", "SIGKILL of a backend", faults.backend_killed, 2, 3),
    Row(
        "pod-deleted-by-force",
        "forced delete of the primary pod",
        faults.pod_deleted_by_force,
        2,
        3,
        "17.5; 0.8",
    ),
    Row("rolling-restart", "rolling restart", changes.rolling_restart, 2, 3, "; 2.2"),
    Row("minor-upgrade", "minor upgrade (another image)", changes.minor_upgrade, 2, 3),
    Row("standby-killed", "standby killed, 3 replicas", faults.standby_killed, 2, 2, lasts=8),
    Row(
        "standby-postmaster-frozen",
        "a standby's postmaster frozen",
        faults.standby_postmaster_frozen,
        2,
        2,
        tier=False,
    ),
    Row(
        "node-cut-off",
        "primary's node off the network",
        outages.node_cut_off,
        20,
        20,
        "105; 18.4",
        lasts=30,
        brief=8,
        old_side=True,
        controller_affected=True,
    ),
    Row("pod-frozen", "all of the primary's pod frozen", faults.pod_frozen, 25, 25, lasts=8, old_side=True),
    Row(
        "postmaster-frozen",
        "postmaster frozen (application connects anew)",
        faults.postmaster_frozen,
        25,
        25,
        lasts=8,
        old_side=True,
        anew=True,
    ),
    Row(
        "node-off",
        "primary's node powered off",
        outages.node_off,
        20,
        20,
        lasts=30,
        brief=8,
        controller_affected=True,
    ),
    Row(
        "api-server-down",
        "API server down for 2 minutes",
        outages.api_server_down,
        0.5,
        0.5,
        lasts=120,
        brief=22,
    ),
    Row("api-server-frozen", "API server frozen", outages.api_server_frozen, 0.5, 0.5, lasts=40, tier=False),
    Row(
        "standby-killed-of-2", "standby killed, 2 replicas", faults.standby_killed, 2, 2, replicas=2, lasts=8
    ),
    Row(
        "standby-frozen-of-2",
        "all of the standby's pod frozen, 2 replicas",
        faults.standby_frozen,
        15,
        16,
        replicas=2,
        lasts=8,
        patience=90,
    ),
    Row(
        "standby-cut-off-of-2",
        "standby's node off the network, 2 replicas",
        outages.standby_cut_off,
        15,
        16,
        replicas=2,
        lasts=20,
        patience=90,
        tier=False,
    ),
    Row(
        "switchover-of-2",
        "planned switchover (node cordoned), 2 replicas",
        changes.switchover,
        2,
        3,
        replicas=2,
        tier=False,
    ),
)


def _busy(name: str, under: Fault, median: float, worst: float, *, tier: bool = False) -> Row:
    """Return a row of an idle database for one that is busy."""
    row = next(row for row in _IDLE if row.name == name)
    suffix, words = _BUSY[under]
    return replace(
        row,
        name=f"{name}-{suffix}",
        says=f"{row.says}, {words}",
        under=under,
        median=median,
        worst=worst,
        peer="",
        tier=tier,
    )


_BUSY: dict[Fault, tuple[str, str]] = {
    loads.bulk_load: ("loaded", "bulk load"),
    loads.over_slow_link: ("slow", "slow link"),
}

ROWS: tuple[Row, ...] = (
    *_IDLE,
    _busy("switchover", loads.bulk_load, 2.5, 4, tier=True),
    _busy("container-killed", loads.bulk_load, 2.5, 4),
    _busy("postmaster-killed", loads.bulk_load, 2.5, 4),
    _busy("pod-deleted", loads.bulk_load, 2.5, 4),
    _busy("node-off", loads.bulk_load, 21, 22),
    _busy("node-cut-off", loads.bulk_load, 21, 22),
    _busy("switchover", loads.over_slow_link, 4, 4),
    _busy("pod-deleted", loads.over_slow_link, 4, 4),
    _busy("container-killed", loads.over_slow_link, 4, 4, tier=True),
    _busy("node-off", loads.over_slow_link, 22, 22, tier=True),
)


def unguided(row: Row) -> Row:
    """Return the row with the controller killed every 5 s meanwhile."""
    allowed = CONTROLLER_ALLOWANCE_SECONDS
    return replace(
        row,
        name=f"{row.name}-unguided",
        says=f"{row.says}, no controller",
        fault=outages.without_controller(row.fault, PLANNED_SECONDS if row.name in PLANNED else math.inf),
        median=row.median + allowed,
        worst=row.worst + allowed,
        peer="",
        lasts=max(row.lasts, 12),
        controller_affected=True,
    )


UNGUIDED: tuple[Row, ...] = tuple(map(unguided, ROWS))


TIER: tuple[Row, ...] = (
    *(row for row in ROWS if row.tier),
    # One fault that the controller is needed for, and one that a standby sees to; the bench has them all.
    *(row for row in UNGUIDED if row.name in {"switchover-unguided", "container-killed-twice-unguided"}),
)
"""What the cluster tier runs, each once."""
