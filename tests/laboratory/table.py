"""What is promised for a fault, what a run of it showed, and the printed table; nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from tests.laboratory.loads import idle
from tests.laboratory.scene import Fault, Scene

PROMPT_SECONDS = 2.0
"""In which `status.primary` and the condition Ready follow what happened, while the controller lives."""


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
    under: Fault = idle
    """What the database is busy with, from before the fault until it is over."""
    lasts: float = 4.0
    """Seconds that the fault stays after it struck, at least."""
    brief: float = 0.0
    """The same in the cluster tier, where it is less."""
    patience: float = 40.0
    """Seconds more that it is left when rows are not acknowledged under it."""
    tier: bool = True
    """Whether it belongs to the cluster tier, whose time is short."""
    old_side: bool = False
    """Whether the old primary may be alive where the Service does not lead: it is written to as well."""
    anew: bool = False
    """Whether the application connects anew for each row: what it has open goes on."""
    controller_affected: bool = False
    """Whether the fault may hit the controller, too: the status then stops until another has the Lease."""

    def briefly(self) -> Row:
        """Return the row as the cluster tier runs it."""
        return replace(self, lasts=self.brief or self.lasts)


@dataclass(frozen=True)
class Finding:
    """What one run of a fault showed; times in seconds."""

    gap: float
    lost: int
    doubled: int
    split_brain: int
    healed: float
    """From the end of the fault until every instance followed again."""
    errors: dict[str, int] = field(default_factory=dict)
    """The errors that the application got during the gap, and how often."""
    load: float = 0.0
    """The machine's load average afterwards."""
    named_late: float | None = None
    """From a new primary's first commit until `status.primary` named it; None where the primary stayed."""
    ready_late: float | None = None
    """For which the condition Ready and the pods differed; None where all pods served all the time."""
    changes: int = 0
    """How often another instance became primary."""

    @property
    def safe(self) -> bool:
        """Whether no row was lost or doubled, and no split brain was seen."""
        return not (self.lost or self.doubled or self.split_brain)

    @property
    def prompt(self) -> bool:
        """Whether the status followed in the time that is promised for it, as far as that was seen."""
        return max(self.named_late or 0.0, self.ready_late or 0.0) <= PROMPT_SECONDS


@dataclass(frozen=True)
class Failure:
    """A run that did not come to an end: the fault did not strike, or writes or instances stayed away."""

    why: str


Run = Finding | Failure

HEADER = (
    f"{'fault':58} {'target':>9} {'median':>7} {'worst':>7} {'runs':>4} {'lost':>4}"
    f" {'two writable':>12} {'healed':>6} {'status':>6} {'Ready':>6} {'load':>5}  peer; plain Patroni"
)


def line(row: Row, runs: Sequence[Run]) -> str:
    """Return a line of the printed table; gaps and times in seconds."""
    findings, failed = _parted(runs)
    target = f"{row.median:g} / {row.worst:g}"
    begin = f"{row.says:58} {target:>9}"
    end = f"  {row.peer}{_remarks(row, runs, failed)}"
    if not findings:
        return f"{begin} {'-':>7} {'-':>7} {0:4}{end}"
    gaps = [finding.gap for finding in findings]
    lost = sum(finding.lost + finding.doubled for finding in findings)
    split_brain = sum(finding.split_brain for finding in findings)
    healed = max(finding.healed for finding in findings)
    load = max(finding.load for finding in findings)
    named = late(finding.named_late for finding in findings)
    ready = late(finding.ready_late for finding in findings)
    writable = "never" if split_brain == 0 else f"{split_brain} x"
    return (
        f"{begin} {median(gaps):7.2f} {max(gaps):7.2f} {len(gaps):4} {lost:4}"
        f" {writable:>12} {healed:6.1f} {named:>6} {ready:>6} {load:5.1f}{end}"
    )


def late(seconds: Iterable[float | None]) -> str:
    """Return the worst in words; "-" where there was nothing to be late with, or nobody saw it."""
    measured = [each for each in seconds if each is not None]
    return f"{max(measured):.2f}" if measured else "-"


def _remarks(row: Row, runs: Sequence[Run], failed: Sequence[Failure]) -> str:
    missed = "" if reached(row, runs) else "  MISSED"
    return missed + "".join(f"  FAILED: {failure.why.splitlines()[0][:100]}" for failure in failed)


def reached(row: Row, runs: Sequence[Run]) -> bool:
    """Tell whether all runs together kept what is promised."""
    findings, failed = _parted(runs)
    if failed or not findings:
        return False
    gaps = [finding.gap for finding in findings]
    return median(gaps) <= row.median and max(gaps) <= row.worst and safe(runs)


def safe(runs: Sequence[Run]) -> bool:
    """Tell whether no run lost or doubled a row, saw two primaries, or failed."""
    return all(isinstance(run, Finding) and run.safe for run in runs)


def _parted(runs: Sequence[Run]) -> tuple[list[Finding], list[Failure]]:
    findings = [run for run in runs if isinstance(run, Finding)]
    return findings, [run for run in runs if isinstance(run, Failure)]
