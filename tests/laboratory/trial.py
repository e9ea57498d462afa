"""One run of one fault on one database."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException

from deploy.local.processes import CommandError, NotReadyError
from tests.clusters import OPERATOR
from tests.laboratory.laboratory import Laboratory
from tests.laboratory.lateness import Timeline
from tests.laboratory.ledger import Gap, Ledger, balance
from tests.laboratory.loads import over_slow_link
from tests.laboratory.reader import reading
from tests.laboratory.samples import Sample, primary_terms, split_brain
from tests.laboratory.table import Failure, Finding, Row, Run
from tests.laboratory.witness import watching
from tests.laboratory.writer import Writer, writing
from tests.rest import RefusedError
from tests.waiting import until

FLOWING_ROWS = 50
FLOWING_SECONDS = 90.0
ROUND_SECONDS = 5.0
"""Patroni's loop_wait: how often the primary renews its lock."""
TROUBLE = (
    AssertionError,
    CommandError,
    HTTPException,
    NotReadyError,
    OSError,
    RefusedError,
    subprocess.SubprocessError,
)
"""Errors of a cluster that did not recover: they fail the run, not the laboratory."""


@dataclass
class Recording:
    """What was recorded in one run; times are of the monotonic clock."""

    begun: float
    slow: bool = False
    struck: float = 0.0
    over: float = 0.0
    healed: float = 0.0
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)

    @property
    def gap(self) -> Gap:
        """The application's longest gap since the fault struck; its ledger is the first.

        Over a slow link commits wait for the load's WAL before the fault, too: that is not counted.
        """
        gap = next(iter(self.ledgers.values())).longest(self.struck)
        return Gap(max(gap.begin, self.struck), gap.end) if self.slow else gap


def trial(laboratory: Laboratory, row: Row, run: int = 1) -> Run:
    """Run a fault once; after a failure, the next run gets another database."""
    name = f"{row.name}-{run}"
    recording = Recording(time.monotonic(), slow=row.under is over_slow_link)
    try:
        laboratory.prepare(row.replicas)
        row.before(laboratory.scene)
        recording.begun = time.monotonic()
        _record(laboratory, row, name, recording)
        finding = _finding(laboratory, recording)
    except TROUBLE as error:
        _keep(laboratory, name, recording)
        laboratory.give_up()
        return Failure(f"{type(error).__name__}: {error}")
    if finding.gap > row.median or not finding.safe or not finding.prompt:
        _keep(laboratory, name, recording)
    return finding


def _record(laboratory: Laboratory, row: Row, name: str, recording: Recording) -> None:
    with ExitStack() as stack:
        primary = laboratory.database.primary()
        writers = list(_writers(laboratory, row, name, stack))
        witness = stack.enter_context(watching(laboratory.settings(), laboratory.places))
        recording.samples = witness.samples
        recording.timeline = stack.enter_context(reading(laboratory.database, row.replicas))
        for writer in writers:
            _until_flowing(writer, 0.0)
        try:
            with row.under(laboratory.scene):
                # The preparation has just woken Patroni: strike at a random time after a lock renewal.
                time.sleep(1 + random.uniform(0, ROUND_SECONDS))  # noqa: S311 - no secret
                recording.struck = time.monotonic()
                with row.fault(laboratory.scene):
                    _bear(writers[0], row)
            recording.over = time.monotonic()
            _until_flowing(writers[0], recording.over)
            laboratory.until_well()
            recording.healed = time.monotonic()
            # Rejoining instances must not delay writes either.
            time.sleep(1)
            _until_flowing(writers[0], time.monotonic())
        finally:
            recording.ledgers = {writer.name: writer.ledger() for writer in writers}
    recording.ledgers = {writer.name: writer.ledger() for writer in writers}
    # Commits that the old primary acknowledges beside a new one prove a split brain.
    _, *beside = recording.ledgers.values()
    recording.samples += [
        Sample(primary, t, t, writable=True) for each in beside for t in each.acknowledged.values()
    ]


def _writers(laboratory: Laboratory, row: Row, name: str, stack: ExitStack) -> Iterator[Writer]:
    service, file = laboratory.settings(), laboratory.folder / f"{name}.ledger"
    yield stack.enter_context(writing(name, service, file, anew=row.anew))
    if row.old_side:
        primary, beside = laboratory.scene.primary(), f"{name}-old-side"
        settings = laboratory.settings(primary["status"]["podIP"])
        inside = laboratory.ground.inside(primary["spec"]["nodeName"])
        file = laboratory.folder / f"{beside}.ledger"
        yield stack.enter_context(writing(beside, settings, file, prefix=inside))


def _bear(writer: Writer, row: Row) -> None:
    """Keep a fault for `lasts` seconds, then until rows are acknowledged again or `patience` has passed."""
    time.sleep(row.lasts)
    since = time.monotonic()
    while writer.ledger().after(since) < FLOWING_ROWS and time.monotonic() < since + row.patience:
        time.sleep(0.2)


def _until_flowing(writer: Writer, since: float) -> None:
    def flowing() -> bool:
        return writer.ledger().after(since) > FLOWING_ROWS

    until(flowing, FLOWING_SECONDS, lambda: f"{writer.name}: nobody writes", 0.2)


def _finding(laboratory: Laboratory, recording: Recording) -> Finding:
    accounts = [balance(ledger, laboratory.rows(name)) for name, ledger in recording.ledgers.items()]
    ledger = next(iter(recording.ledgers.values()))
    terms = primary_terms(recording.samples)
    return Finding(
        gap=recording.gap.seconds,
        lost=sum(len(account.lost) for account in accounts),
        doubled=sum(len(account.doubled) for account in accounts),
        split_brain=len(split_brain(recording.samples)),
        healed=recording.healed - recording.over,
        errors=ledger.reasons(recording.gap),
        load=os.getloadavg()[0],
        named_late=recording.timeline.named_late(terms),
        ready_late=recording.timeline.ready_late(),
        changes=len(terms) - 1,
    )


def _keep(laboratory: Laboratory, name: str, recording: Recording) -> None:
    """Write the logs of the instances and the controller, and the timeline, to a file."""
    since = f"--since={time.monotonic() - recording.begun + 1:.0f}s"
    every = (since, "--timestamps", "--prefix", "--tail=-1", "--ignore-errors")
    database = laboratory.database
    instances = ("--namespace", database.namespace, "logs", "-l", f"keddah.dev/database={database.name}")
    controller = ("--namespace", OPERATOR, "logs", "-l", "app.kubernetes.io/component=controller")
    sources = (
        lambda: [database.cluster(*instances, *every).out],
        lambda: [database.cluster(*controller, *every).out],
        lambda: list(_story(recording)),
        database.events,
        lambda: [database.story()],
    )
    lines = [line for source in sources for line in _lines_or_error(source)]
    (laboratory.folder / f"{name}.log").write_text("\n".join(lines))


def _lines_or_error(source: Callable[[], list[str]]) -> list[str]:
    """Return a source's lines, or the error: a node that is down does not answer."""
    try:
        return source()
    except TROUBLE as error:
        return [f"{type(error).__name__}: {error}"]


def _story(recording: Recording) -> Iterator[str]:
    for what, moment in (
        ("struck", recording.struck),
        ("over", recording.over),
        ("healed", recording.healed),
    ):
        yield f"{what} at {_clock(moment)}" if moment else f"never {what}"
    if any(ledger.after(recording.struck) for ledger in recording.ledgers.values()):
        yield f"gap from {_clock(recording.gap.begin)} to {_clock(recording.gap.end)}"
    for term in primary_terms(recording.samples):
        yield f"{term.instance} acknowledged from {_clock(term.begin)} to {_clock(term.end)}"
    for fact, step in recording.timeline.changes():
        yield f"{fact} became {step.value} at {_clock(step.moment)}"


def _clock(moment: float) -> str:
    wall = datetime.fromtimestamp(time.time() - time.monotonic() + moment, UTC)
    return wall.strftime("%H:%M:%S.%f")[:-3]
