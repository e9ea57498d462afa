"""The table of faults: what is promised for each, what the peer reaches, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.laboratory import faults
from tests.laboratory.faults import Fault, Scene

CONTROLLER_ALLOWANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Row:
    """One fault: the longest gap in seconds that is allowed as median and in the worst run."""

    name: str
    says: str
    fault: Fault
    median: float
    worst: float
    peer: str = ""
    """CloudNativePG 1.30.0 on the same kind of machine, then plain Patroni with the same settings."""
    replicas: int = 3
    before: Callable[[Scene], None] = lambda _: None
    """What brings the database into the state that the fault is about."""
    lasts: float = 4.0
    """Seconds that the fault stays after it struck."""
    old_side: bool = False
    """Whether the old primary may be alive where the Service does not lead: it is written to as well."""
    once: bool = True
    """Whether it is short enough for the cluster tier."""


_SOON: tuple[Row, ...] = (
    Row("switchover", "planned switchover (node cordoned)", faults.switchover, 2, 3, "7.6; 2.2"),
    Row("rolling-restart", "rolling restart", faults.rolling_restart, 2, 3, "; 2.2", once=False),
    Row("pod-deleted", "graceful delete of the primary pod", faults.pod_deleted, 2.5, 2.5, "3.8 to 180; 2.2"),
    Row("node-drained", "drain of the primary's node", faults.node_drained, 2.5, 2.5),
    Row(
        "container-killed",
        "SIGKILL of the primary container",
        faults.container_killed,
        2,
        3,
        "6.7; 1.2 to 2.1",
    ),
    Row(
        "container-killed-twice",
        "SIGKILL of the primary container, twice",
        faults.container_killed,
        2,
        3,
        "23.5; 13.8 to 21.7",
        lasts=6,
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
    Row("standby-killed", "standby killed, 3 replicas", faults.standby_killed, 2, 2, lasts=8),
    Row(
        "standby-killed-of-2", "standby killed, 2 replicas", faults.standby_killed, 2, 2, replicas=2, lasts=8
    ),
)
_LATE: tuple[Row, ...] = (
    Row(
        "node-cut-off",
        "primary's node off the network",
        faults.node_cut_off,
        20,
        20,
        "105; 18.4",
        lasts=40,
        old_side=True,
        once=False,
    ),
    Row("node-off", "primary's node powered off", faults.node_off, 20, 20, lasts=30, once=False),
    Row(
        "postmaster-frozen",
        "postmaster frozen (SIGSTOP)",
        faults.postmaster_frozen,
        25,
        25,
        lasts=30,
        old_side=True,
        once=False,
    ),
    Row("pod-frozen", "all of the primary's pod frozen", faults.pod_frozen, 25, 25, lasts=40, old_side=True),
    Row("api-server-frozen", "API server frozen", faults.api_server_frozen, 0.5, 0.5, lasts=40),
)


def _unguided(row: Row) -> Row:
    allowed = CONTROLLER_ALLOWANCE_SECONDS
    return Row(
        f"{row.name}-unguided",
        f"{row.says}, controller killed every 5 s",
        faults.without_controller(row.fault),
        row.median + allowed,
        row.worst + allowed,
        replicas=row.replicas,
        before=row.before,
        lasts=max(row.lasts, 12),
        old_side=row.old_side,
        once=False,
    )


ROWS: tuple[Row, ...] = (*_SOON, *_LATE, *map(_unguided, (*_SOON, *_LATE)))


@dataclass(frozen=True)
class Finding:
    """What one run of a fault showed."""

    gap: float
    lost: int
    doubled: int
    rivals: int
    healed: float
    """Seconds from the end of the fault until every instance followed again."""
    told: dict[str, int] = field(default_factory=dict)
    """What the application was told during the gap."""

    @property
    def safe(self) -> bool:
        """Whether nothing happened that never may."""
        return not (self.lost or self.doubled or self.rivals)


HEADER = (
    f"{'fault':45} {'target':>10} {'median':>8} {'worst':>8} {'runs':>5} {'lost':>5}"
    f" {'rivals':>7} {'healed':>7}  peer; plain Patroni"
)


def line(row: Row, findings: Sequence[Finding]) -> str:
    """Return a line of the printed table; gaps and times in seconds."""
    gaps = [finding.gap for finding in findings]
    target = f"{row.median:g} / {row.worst:g}"
    lost = sum(finding.lost + finding.doubled for finding in findings)
    rivals = sum(finding.rivals for finding in findings)
    healed = max(finding.healed for finding in findings)
    missed = "" if reached(row, findings) else "  MISSED"
    return (
        f"{row.says:45} {target:>10} {median(gaps):8.2f} {max(gaps):8.2f} {len(gaps):5} {lost:5} {rivals:7}"
        f" {healed:7.1f}  {row.peer}{missed}"
    )


def reached(row: Row, findings: Sequence[Finding]) -> bool:
    """Tell whether all runs together kept what is promised."""
    gaps = [finding.gap for finding in findings]
    return median(gaps) <= row.median and max(gaps) <= row.worst and all(f.safe for f in findings)
