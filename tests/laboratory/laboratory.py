"""The database that harm is done to: made, brought into order before each fault, looked at afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from schemas.api.types import KIND
from tests import policies, sites
from tests.clusters import Cluster
from tests.databases import Database
from tests.laboratory import loads, witness, writer
from tests.laboratory.changes import MAJOR
from tests.laboratory.ground import Ground, ground
from tests.laboratory.scene import Scene
from tests.laboratory.witness import Place
from tests.waiting import until

WELL_SECONDS = 180.0
SIZE = "20Gi"
"""Of each volume: every takeover begins a copy of the same segment of WAL on another timeline, and none of
those goes before the segment is over. Fifty of them in a quarter of an hour were a full disk of 1 GiB. And
slots may hold a fifth of it: with 4 GiB the bulk load over a slow network cost both standbys theirs."""
_STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
_TABLES = (
    "SET ROLE app",
    f"CREATE TABLE IF NOT EXISTS {writer.TABLE} (writer text, number int)",
    f"CREATE TABLE IF NOT EXISTS {witness.TABLE} (at timestamptz)",
    f"CREATE TABLE IF NOT EXISTS {loads.TABLE} (n int, filler text)",
    f"TRUNCATE {writer.TABLE}, {witness.TABLE}, {loads.TABLE}",
)


class Laboratory:
    """One database after another, and a folder for what was noted.

    A database that a fault left in disorder is given up, so that it spoils no other run.
    """

    def __init__(self, cluster: Cluster, namespace: str, ground: Ground, folder: Path, schedule: str) -> None:
        self.ground = ground
        self.folder = folder
        self._cluster = cluster
        self._namespace = namespace
        self._schedule = schedule
        self._given_up = 0

    @property
    def database(self) -> Database:
        """The database that is in use."""
        return Database(self._cluster, self._namespace, f"faults-{self._given_up}")

    @property
    def scene(self) -> Scene:
        """What faults happen to."""
        return Scene(self.database, self.ground)

    def give_up(self) -> None:
        """Have another database from now on; this one goes without anybody waiting."""
        self._cluster.rest.delete(KIND, self._namespace, self.database.name)
        self._given_up += 1

    def settings(self, address: str = "") -> dict[str, Any]:
        """Return libpq's settings for the Service, or for an instance at its own address."""
        app, tls = self.database.secret("app"), self.database.secret("tls")
        authority = self.folder / f"{self.database.name}.crt"
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

    def places(self) -> dict[str, Place]:
        """Return where each instance is."""
        return {
            pod["metadata"]["name"]: Place(
                pod["status"]["podIP"], partial(self.ground.enter, pod["spec"]["nodeName"])
            )
            for pod in self.database.pods()
            if pod["status"].get("podIP")
        }

    def prepare(self, replicas: int) -> None:
        """Have so many instances, all well, and empty tables."""
        live = self.database.read()
        if live is None:
            self.database.apply(
                version=MAJOR, replicas=replicas, storage={"size": SIZE}, backupSchedule=self._schedule
            ).expect()
        elif live["spec"]["replicas"] != replicas:
            self.database.change(replicas=replicas)
        self.until_well()
        commands = [word for statement in _TABLES for word in ("-c", statement)]
        done = self.database.execute(self.database.primary(), "psql", "-Xd", "app", *commands)
        assert done.code == 0, done.err

    def until_well(self) -> None:
        """Wait until every instance is ready and follows, by keddah's word and by PostgreSQL's."""
        self.database.settled(WELL_SECONDS)
        until(self._replicated, WELL_SECONDS, self.database.story, 0.1)

    def _replicated(self) -> bool:
        if self.database.condition("Replicated").get("status") != "True":
            return False
        primaries = self.database.primaries()
        done = self.database.execute(primaries[0], "psql", "-XAtc", _STREAMING) if primaries else None
        return done is not None and done.out.strip() == str(len(self.database.pods()) - 1)

    def rows(self, name: str) -> list[int]:
        """Read what a writer has in the table, on the primary."""
        statement = f"SELECT number FROM {writer.TABLE} WHERE writer = '{name}'"  # noqa: S608 - our own words
        done = self.database.execute(self.database.primary(), "psql", "-XAtd", "app", "-c", statement)
        assert done.code == 0, done.err
        return [int(line) for line in done.out.split()]


@contextmanager
def laboratory(cluster: Cluster, namespace: str, folder: Path, schedule: str = "") -> Iterator[Laboratory]:
    """Have a laboratory in a namespace; the policy is afterwards as it was.

    With a backupSchedule its database archives all WAL to a volume of the cluster.
    """
    with policies.changing(cluster):
        yield Laboratory(cluster, namespace, ground(sites.local_name()), folder, schedule)
