"""One fault on one database, from the first row to the last look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.clusters import OPERATOR
from tests.databases import Database
from tests.laboratory.faults import Scene
from tests.laboratory.ground import Ground
from tests.laboratory.ledger import Gap, Ledger, balance, rivals
from tests.laboratory.table import Finding, Row
from tests.laboratory.witness import watching
from tests.laboratory.writer import TABLE, Writer, writing
from tests.waiting import until

HEALED_SECONDS = 180.0
FLOWING_ROWS = 50
_TABLE = f"CREATE TABLE IF NOT EXISTS {TABLE} (writer text, number int)"


@dataclass(frozen=True)
class Laboratory:
    """A database to do harm to, and a folder for what was noted."""

    database: Database
    ground: Ground
    folder: Path

    @property
    def scene(self) -> Scene:
        """What faults happen to."""
        return Scene(self.database, self.ground)

    def settings(self, address: str = "") -> dict[str, Any]:
        """Return libpq's settings for the Service, or for an instance at its own address."""
        app, tls = self.database.secret("app"), self.database.secret("tls")
        authority = self.folder / "ca.crt"
        authority.write_text(tls["ca.crt"])
        service = self.database.child("Service", self.database.name)
        return {
            # The host has routes to Services and pods, and no cluster DNS.
            "hostaddr": address or service["spec"]["clusterIP"],
            "host": app["host"],
            "port": app["port"],
            "dbname": app["dbname"],
            "user": app["username"],
            "password": app["password"],
            "sslrootcert": str(authority),
        }

    def addresses(self) -> dict[str, str]:
        """Return the address of each instance."""
        pods = self.database.pods()
        return {p["metadata"]["name"]: p["status"]["podIP"] for p in pods if p["status"].get("podIP")}

    def prepare(self, replicas: int) -> None:
        """Have so many instances, all well, and an empty table."""
        live = self.database.read()
        if live is None:
            self.database.apply(replicas=replicas, storage={"size": "1Gi"}).expect()
        elif live["spec"]["replicas"] != replicas:
            self.database.change(replicas=replicas)
        self.until_well()
        primary, sql = self.database.primary(), ("SET ROLE app", _TABLE, f"TRUNCATE {TABLE}")
        commands = [word for statement in sql for word in ("-c", statement)]
        done = self.database.execute(primary, "psql", "-Xd", "app", *commands)
        assert done.code == 0, done.err

    def until_well(self) -> None:
        """Wait until every instance is ready and follows."""
        self.database.settled(HEALED_SECONDS)
        until(
            lambda: self.database.condition("Replicated").get("status") == "True",
            HEALED_SECONDS,
            self.database.story,
            0.1,
        )

    def rows(self, writer: str) -> list[int]:
        """Read what a writer has in the table, on the primary."""
        statement = f"SELECT number FROM {TABLE} WHERE writer = '{writer}'"  # noqa: S608 - our own words
        done = self.database.execute(self.database.primary(), "psql", "-XAtd", "app", "-c", statement)
        assert done.code == 0, done.err
        return [int(line) for line in done.out.split()]


def trial(laboratory: Laboratory, row: Row, run: int = 1) -> Finding:
    """Run a fault once. Fails only when writes or instances do not come back at all."""
    laboratory.prepare(row.replicas)
    row.before(laboratory.scene)
    begun = time.monotonic()
    with ExitStack() as stack:
        writers = list(_writers(laboratory, row, run, stack))
        witness = stack.enter_context(watching(laboratory.settings(), laboratory.addresses))
        for writer in writers:
            _until_acknowledged(writer, 0.0)
        time.sleep(1)
        struck = time.monotonic()
        with row.fault(laboratory.scene):
            _until_flowing(writers[0], row)
        over = time.monotonic()
        laboratory.until_well()
        healed = time.monotonic() - over
        # What the instances do last, as rejoining, must not hold writes up either.
        _until_flowing(writers[0], row, lasts=1)
    ledgers = [writer.ledger() for writer in writers]
    finding = _finding(laboratory, writers, ledgers, struck, healed, len(rivals(witness.sights)))
    if finding.gap > row.median or not finding.safe:
        _keep_logs(laboratory, f"{row.name}-{run}", begun, ledgers[0].longest(struck))
    return finding


def _writers(laboratory: Laboratory, row: Row, run: int, stack: ExitStack) -> Iterator[Writer]:
    name = f"{row.name}-{run}"
    yield stack.enter_context(writing(name, laboratory.settings(), laboratory.folder / f"{name}.ledger"))
    if row.old_side:
        primary = laboratory.scene.primary()
        settings = laboratory.settings(primary["status"]["podIP"])
        inside = laboratory.ground.inside(primary["spec"]["nodeName"])
        beside = f"{name}-old-side"
        file = laboratory.folder / f"{beside}.ledger"
        yield stack.enter_context(writing(beside, settings, file, inside))


def _until_flowing(writer: Writer, row: Row, lasts: float | None = None) -> None:
    """Wait as long as the fault lasts, and until rows are acknowledged again."""
    time.sleep(row.lasts if lasts is None else lasts)
    now = time.monotonic()
    _until_acknowledged(writer, now)


def _until_acknowledged(writer: Writer, since: float) -> None:
    def flowing() -> bool:
        return writer.ledger().after(since) > FLOWING_ROWS

    until(flowing, 90, lambda: f"{writer.name}: nobody writes", 0.2)


def _finding(
    laboratory: Laboratory,
    writers: list[Writer],
    ledgers: list[Ledger],
    struck: float,
    healed: float,
    rival: int,
) -> Finding:
    accounts = [balance(ledger, laboratory.rows(w.name)) for w, ledger in zip(writers, ledgers, strict=True)]
    gap = ledgers[0].longest(struck)
    return Finding(
        gap=gap.seconds,
        lost=sum(len(account.lost) for account in accounts),
        doubled=sum(len(account.doubled) for account in accounts),
        rivals=rival,
        healed=healed,
        told=ledgers[0].reasons(gap),
    )


def _keep_logs(laboratory: Laboratory, name: str, begun: float, gap: Gap) -> None:
    """Keep what the instances and the controller told, for whoever asks where the time went."""
    since = f"--since={time.monotonic() - begun + 1:.0f}s"
    every = (since, "--timestamps", "--prefix", "--tail=-1", "--ignore-errors")
    database = laboratory.database
    instances = ("--namespace", database.namespace, "logs", "-l", f"keddah.dev/database={database.name}")
    controller = ("--namespace", OPERATOR, "logs", "-l", "app.kubernetes.io/component=controller")
    told = [database.cluster(*who, *every).out for who in (instances, controller)]
    told += [f"gap from {_clock(gap.begin)} to {_clock(gap.end)}", *database.events()]
    (laboratory.folder / f"{name}.log").write_text("\n".join(told))


def _clock(moment: float) -> str:
    wall = datetime.fromtimestamp(time.time() - time.monotonic() + moment, UTC)
    return wall.strftime("%H:%M:%S.%f")[:-3]


@contextmanager
def namespace_of_its_own(database: Database) -> Iterator[None]:
    """Have the database's namespace for a while."""
    rest = database.cluster.rest
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": database.namespace}}).expect()
    try:
        yield
    finally:
        rest.delete("Namespace", None, database.namespace)
