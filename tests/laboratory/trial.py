"""One fault on one database, from the first row to the last look."""

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
from tests.laboratory.lateness import Told
from tests.laboratory.ledger import Gap, Ledger, balance
from tests.laboratory.reader import reading
from tests.laboratory.sights import Sight, reigns, rivals
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
"""What a laboratory meets whose cluster is in disorder; each wait for order has its end."""


@dataclass
class Course:
    """What happened in one run; moments of the monotonic clock."""

    begun: float
    struck: float = 0.0
    over: float = 0.0
    healed: float = 0.0
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    sights: list[Sight] = field(default_factory=list)
    told: Told = field(default_factory=Told)

    @property
    def gap(self) -> Gap:
        """The application's longest gap since the fault struck; its ledger is the first."""
        return next(iter(self.ledgers.values())).longest(self.struck)


def trial(laboratory: Laboratory, row: Row, run: int = 1) -> Run:
    """Run a fault once; where it does not come to its end, another database takes the next one."""
    name = f"{row.name}-{run}"
    course = Course(time.monotonic())
    try:
        laboratory.prepare(row.replicas)
        row.before(laboratory.scene)
        course.begun = time.monotonic()
        _take_course(laboratory, row, name, course)
        finding = _finding(laboratory, course)
    except TROUBLE as error:
        _keep(laboratory, name, course)
        laboratory.give_up()
        return Failure(f"{type(error).__name__}: {error}")
    if finding.gap > row.median or not finding.safe or not finding.prompt:
        _keep(laboratory, name, course)
    return finding


def _take_course(laboratory: Laboratory, row: Row, name: str, course: Course) -> None:
    with ExitStack() as stack:
        primary = laboratory.database.primary()
        writers = list(_writers(laboratory, row, name, stack))
        witness = stack.enter_context(watching(laboratory.settings(), laboratory.places))
        course.sights = witness.sights
        course.told = stack.enter_context(reading(laboratory.database, row.replicas))
        for writer in writers:
            _until_flowing(writer, 0.0)
        # What went before has just woken Patroni, and no fault knows when the lock was renewed.
        time.sleep(1 + random.uniform(0, ROUND_SECONDS))  # noqa: S311 - no secret
        course.struck = time.monotonic()
        try:
            with row.fault(laboratory.scene):
                _bear(writers[0], row)
            course.over = time.monotonic()
            _until_flowing(writers[0], course.over)
            laboratory.until_well()
            course.healed = time.monotonic()
            # What the instances do last, as rejoining, must not hold writes up either.
            time.sleep(1)
            _until_flowing(writers[0], time.monotonic())
        finally:
            course.ledgers = {writer.name: writer.ledger() for writer in writers}
    course.ledgers = {writer.name: writer.ledger() for writer in writers}
    # What the old primary acknowledges beside a new one is the proof of two.
    _, *beside = course.ledgers.values()
    course.sights += [
        Sight(primary, t, t, writable=True) for each in beside for t in each.acknowledged.values()
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
    """Leave a fault for a while, and then until rows are acknowledged again, if that comes at all."""
    time.sleep(row.lasts)
    since = time.monotonic()
    while writer.ledger().after(since) < FLOWING_ROWS and time.monotonic() < since + row.patience:
        time.sleep(0.2)


def _until_flowing(writer: Writer, since: float) -> None:
    def flowing() -> bool:
        return writer.ledger().after(since) > FLOWING_ROWS

    until(flowing, FLOWING_SECONDS, lambda: f"{writer.name}: nobody writes", 0.2)


def _finding(laboratory: Laboratory, course: Course) -> Finding:
    accounts = [balance(ledger, laboratory.rows(name)) for name, ledger in course.ledgers.items()]
    ledger = next(iter(course.ledgers.values()))
    reigned = reigns(course.sights)
    return Finding(
        gap=course.gap.seconds,
        lost=sum(len(account.lost) for account in accounts),
        doubled=sum(len(account.doubled) for account in accounts),
        rivals=len(rivals(course.sights)),
        healed=course.healed - course.over,
        told=ledger.reasons(course.gap),
        load=os.getloadavg()[0],
        named_late=course.told.named_late(reigned),
        ready_late=course.told.ready_late(),
        changes=len(reigned) - 1,
    )


def _keep(laboratory: Laboratory, name: str, course: Course) -> None:
    """Keep what the instances and the controller told, for whoever asks where the time went."""
    since = f"--since={time.monotonic() - course.begun + 1:.0f}s"
    every = (since, "--timestamps", "--prefix", "--tail=-1", "--ignore-errors")
    database = laboratory.database
    instances = ("--namespace", database.namespace, "logs", "-l", f"keddah.dev/database={database.name}")
    controller = ("--namespace", OPERATOR, "logs", "-l", "app.kubernetes.io/component=controller")
    sources = (
        lambda: [database.cluster(*instances, *every).out],
        lambda: [database.cluster(*controller, *every).out],
        lambda: list(_story(course)),
        database.events,
        lambda: [database.story()],
    )
    told = [line for source in sources for line in _as_far_as_told(source)]
    (laboratory.folder / f"{name}.log").write_text("\n".join(told))


def _as_far_as_told(source: Callable[[], list[str]]) -> list[str]:
    """Have a source's lines, or why there are none: a node that a fault took away answers nothing."""
    try:
        return source()
    except TROUBLE as error:
        return [f"{type(error).__name__}: {error}"]


def _story(course: Course) -> Iterator[str]:
    for what, moment in (("struck", course.struck), ("over", course.over), ("healed", course.healed)):
        yield f"{what} at {_clock(moment)}" if moment else f"never {what}"
    if any(ledger.after(course.struck) for ledger in course.ledgers.values()):
        yield f"gap from {_clock(course.gap.begin)} to {_clock(course.gap.end)}"
    for reign in reigns(course.sights):
        yield f"{reign.instance} acknowledged from {_clock(reign.begin)} to {_clock(reign.end)}"
    for fact, step in course.told.changes():
        yield f"{fact} became {step.value} at {_clock(step.moment)}"


def _clock(moment: float) -> str:
    wall = datetime.fromtimestamp(time.time() - time.monotonic() + moment, UTC)
    return wall.strftime("%H:%M:%S.%f")[:-3]
