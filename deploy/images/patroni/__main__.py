"""`python -m keddah_patroni FILE`: run Patroni with this configuration file."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from keddah_backup.archiving import Queue, member_queue
from patroni import postgresql, psycopg
from patroni.__main__ import Patroni
from patroni.api import RestApiHandler, check_access
from patroni.daemon import abstract_main
from patroni.dcs.kubernetes import KubernetesError
from patroni.exceptions import PostgresConnectionException
from patroni.log import PatroniLogger
from patroni.postgresql.config import ConfigHandler
from patroni.postgresql.misc import PostgresqlRole

from controller.protocol import VERSION
from controller.protocol.logs import VARIABLE
from controller.protocol.member import Report
from controller.protocol.settings import SETTINGS_FILE
from schemas.formatter import Formatter

from . import (
    access,
    archiving,
    disk,
    exporter,
    liveness,
    lock,
    mishaps,
    passwords,
    postmaster,
    reading,
    replacing,
    slots,
    tasks,
)
from .bootstrap import RESTORE, Mark, progress
from .collecting import collected
from .configuration import Configuration
from .data import MemberData, undo_interrupted_copy
from .disk import DiskSpace
from .ha import KeddahHa
from .request import Request
from .server import PatroniServer
from .session import pinned
from .standby import PatroniStandby
from .watcher import Watchers

# Patroni checks only once a second whether a server that it stops has stopped, twice in a row, while nobody
# can write. A force-deleted pod has two seconds from SIGTERM to SIGKILL: it must have released its lock by
# then.
STOP_POLLING_SECONDS = 0.25

# Packets to the address of a removed pod stay unanswered until the client gives up; while the pod exists, a
# client is refused at once and can retry. Every kube-proxy knows the new primary within this time.
LINGER_SECONDS = 2.0

_PRIMARY = (PostgresqlRole.PRIMARY, PostgresqlRole.PROMOTED)


def archives() -> bool:
    """Whether this pod was made for a database with backups."""
    return Path(SETTINGS_FILE).parent.is_dir()


class KeddahPatroni(Patroni):  # type: ignore[misc] # Patroni is in the image only
    """Patroni's daemon, with additional threads."""

    data: MemberData

    def __init__(self, config: Any, *others: Any) -> None:  # noqa: ANN401 - Patroni's own
        self._watchers = Watchers()
        self._disk = DiskSpace()
        self._configuration = Configuration()
        self._archive = archiving.WalArchive()
        self._access = access.AccessDigest()
        self._queries = exporter.CustomQueries()
        self._slots: slots.HeldSlots | None = None  # until there is a configuration
        undo_interrupted_copy(config["postgresql"]["data_dir"])
        self._mishaps = mishaps.Mishaps()
        self.mark = Mark(config["postgresql"]["data_dir"])
        super().__init__(config, *others)
        self.dcs.get_cluster = reading.by_this_thread(
            self.dcs, self.dcs.get_cluster, KubernetesError, time.monotonic, time.sleep
        )
        in_place = replacing.requested()
        self.mark.undo(self.dcs, RESTORE if in_place else self.config["bootstrap"].get("method", ""))
        initialize = self.dcs.get_cluster().initialize
        self.restores = in_place is not None and not in_place.back
        self.replaced = replacing.prepare(config["postgresql"]["data_dir"], in_place, initialize)
        # The server starts with what was read just now.
        self._configuration.changed(self.config.dynamic_configuration)
        if archives():
            Path(archiving.STOPPING_FILE).unlink(missing_ok=True)
            self._stop_server, self.postgresql.stop = self.postgresql.stop, self._stop
            self._promote_server, self.postgresql.promote = self.postgresql.promote, self._promote
        self._reload_server = self.postgresql.reload_config
        self.postgresql.reload_config = self._apply
        handler = self.postgresql.slots_handler
        handler.ignore_replication_slot = slots.ignoring_others(
            handler.ignore_replication_slot, self.config["scope"]
        )
        self._slots = slots.HeldSlots(self.config["scope"])
        bootstrap = self.postgresql.bootstrap
        encrypt = passwords.encrypting(self.postgresql.connection)
        bootstrap.create_or_update_role = passwords.verified(bootstrap.create_or_update_role, encrypt)
        bootstrap.call_post_bootstrap = passwords.with_owner(
            bootstrap.call_post_bootstrap, bootstrap.create_or_update_role
        )
        self.request = Request(self.config, True)
        self.ha = KeddahHa(self)
        executor = self.ha._async_executor  # noqa: SLF001 - the only way
        executor.schedule = tasks.one_at_a_time(executor)
        if archives():
            # Before pg_rewind, Patroni would wait for each file of the queue, however many the repository has
            # not taken; the first that fails is enough.
            leftovers = partial(archiving.archive_leftovers, self.postgresql.data_dir)
            self.ha._rewind._archive_ready_wals = leftovers  # noqa: SLF001 - the only way
        self.data = MemberData(self)
        self._server = PatroniServer(self)

    @property
    def tags(self) -> dict[str, Any]:
        """The tags of the configuration file, and what this member reports besides."""
        held = self._slots.held if self._slots else {}
        data = getattr(self, "data", None)  # Patroni reads the tags before it has a server
        damage, copy = (data.damage, data.copy) if data else ("", "")
        report = Report(
            VERSION,
            self._configuration.version,
            self._disk.full,
            held,
            damage,
            copy,
            crashed=self._mishaps.crashed,
            killed=self._mishaps.killed,
            room=self._disk.room,
            restoring=progress(),
            replaced=getattr(self, "replaced", ""),
            archiving=self._archive.report,
            access=self._access.text,
            queries=self._queries.text,
        )
        return {**super().tags, **self._disk.tags, **report.tags()}

    def run(self) -> None:
        """Start the additional threads, and run Patroni."""
        start, wake = self._watchers.start, self.ha.wakeup
        probe, folder = liveness.LivenessProbe(), self.postgresql.data_dir
        clocks = (time.time, lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        start("postmaster", partial(postmaster.watch, self._server.pid, wake, time.sleep))
        start("liveness", partial(liveness.watch, self._server, time.monotonic, time.sleep, probe))
        start("lock", partial(lock.watch, PatroniStandby(self), time.monotonic, time.sleep))
        start("disk", partial(disk.watch, self._disk, folder, wake, time.sleep))
        start("mishaps", partial(mishaps.watch, self._mishaps, self._server.pid, wake, clocks, time.sleep))
        if archives():
            look, leftovers = self._queue, partial(archiving.archive_leftovers, folder)
            start(
                "archiving",
                partial(archiving.watch, self._archive, look, leftovers, wake, time.time, time.sleep),
            )
        if self._slots:
            start("slots", partial(slots.watch, self._slots, self._ask, wake, time.sleep))
        start("access", partial(access.watch, self._access, self._ask, self._ask_within, wake, time.sleep))
        ask = partial(self._ask, connection="exporter")
        start("exporter", partial(exporter.watch, ask, self._queries, wake, time.sleep))
        start("data", partial(self.data.watch, time.sleep))
        super().run()

    def schedule_next_run(self) -> None:
        """End an HA loop; run the next at once if this one applied a new configuration, to report it.

        In each loop Patroni first updates its pod's annotation, and applies a new configuration last.
        """
        self._watchers.revive()
        if self._configuration.doubtful(self.postgresql.state):
            # As by SIGHUP, which writes all files, whatever Patroni believes of them.
            self.reload_config(sighup=self.postgresql.state == "running")
        if self._configuration.changed(self.config.dynamic_configuration):
            self.ha.wakeup()
        if self.data.look():
            self.ha.wakeup()
        super().schedule_next_run()

    def _ask(self, statement: str, connection: str = "slots") -> list[tuple[Any, ...]]:
        """Query the server over a connection of its own; nothing while it does not run."""
        if self.postgresql.state != "running":
            return []
        rows: list[tuple[Any, ...]] = self.postgresql.connection_pool.get(connection).query(statement)
        return rows

    def _received(self) -> int:
        """Return how far a standby has all WAL, in bytes; 0 where it does not answer."""
        try:
            [[position]] = self._ask(archiving.RECEIVED)
        except (psycopg.Error, PostgresConnectionException, ValueError):
            return 0
        return int(position or 0)

    def _ask_within(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """Query one database over a connection that is closed again; nothing of one that takes none."""
        settings = self.postgresql.connection_pool.conn_kwargs | {"dbname": database}
        try:
            with psycopg.connect(**settings) as connection, connection.cursor() as cursor:
                cursor.execute(statement)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows
        except psycopg.Error:
            return []

    def _queue(self) -> Queue | None:
        """Return the WAL that waits for the archive; None of a server that is no primary."""
        if self.postgresql.role not in _PRIMARY:
            return None
        return member_queue(self.postgresql.data_dir)

    def _stop(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - Patroni's own
        """Stop the server; one that others take over from does not wait for its archive.

        They archive what it had not, and so does the server itself, once it follows them.
        """
        flag, cluster = Path(archiving.STOPPING_FILE), self.ha.cluster if hasattr(self, "ha") else None
        if self.postgresql.role in _PRIMARY and cluster and len(cluster.members) > 1:
            flag.touch()
        try:
            return self._stop_server(*arguments, **options)
        finally:
            flag.unlink(missing_ok=True)

    def _promote(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - Patroni's own
        if self.postgresql.role not in _PRIMARY:
            archiving.archive_again(self.postgresql.data_dir, self._received())
        return self._promote_server(*arguments, **options)

    def _apply(self, *arguments: Any) -> None:  # noqa: ANN401 - Patroni's own
        self._configuration.apply(lambda: self._reload_server(*arguments), lambda: self.postgresql.state)

    def _shutdown(self) -> None:
        super()._shutdown()
        cluster = self.ha.cluster
        if self.ha.hands_over() and cluster and len(cluster.members) > 1:
            time.sleep(LINGER_SECONDS)


if __name__ == "__main__":
    postgresql.STOP_POLLING_INTERVAL = STOP_POLLING_SECONDS
    psycopg.connect = pinned(psycopg.connect)
    # The only endpoint that changes something and that Patroni does not protect by a client certificate.
    RestApiHandler.do_POST_mpp = check_access(RestApiHandler.do_POST_mpp)
    if folder := os.environ.get(VARIABLE):
        ConfigHandler.get_server_parameters = collected(ConfigHandler.get_server_parameters, folder)
        PatroniLogger._get_formatter = lambda *_: Formatter()  # noqa: SLF001 - the only way
    abstract_main(KeddahPatroni, sys.argv[1])
