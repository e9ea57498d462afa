"""`python -m keddah_patroni FILE`: run Patroni with this configuration file."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from patroni import postgresql
from patroni.__main__ import Patroni
from patroni.api import RestApiHandler, check_access
from patroni.daemon import abstract_main

from . import disk, liveness, lock, postmaster
from .configuration import Configuration
from .disk import DiskSpace
from .ha import KeddahHa
from .request import Request
from .server import PatroniServer
from .standby import PatroniStandby

# Patroni checks only once a second whether a server that it stops has stopped, twice in a row, while nobody
# can write. A force-deleted pod has two seconds from SIGTERM to SIGKILL: it must have released its lock by
# then.
STOP_POLLING_SECONDS = 0.25

# Packets to the address of a removed pod stay unanswered until the client gives up; while the pod exists, a
# client is refused at once and can retry. Every kube-proxy knows the new primary within this time.
LINGER_SECONDS = 2.0


class KeddahPatroni(Patroni):  # type: ignore[misc] # Patroni is in the image only
    """Patroni's daemon, with additional threads."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - Patroni's own
        self._disk = DiskSpace()
        self._configuration = Configuration()
        super().__init__(*arguments)
        # The server starts with what was read just now.
        self._configuration.changed(self.config.dynamic_configuration)
        self._reload_server = self.postgresql.reload_config
        self.postgresql.reload_config = self._apply
        self.request = Request(self.config, True)
        self.ha = KeddahHa(self)
        self._server = PatroniServer(self)

    @property
    def tags(self) -> dict[str, Any]:
        """The tags of the configuration file, of a full volume, and of the configuration in force."""
        return {**super().tags, **self._disk.tags, **self._configuration.tags}

    def run(self) -> None:
        """Start the additional threads, and run Patroni."""
        _spawn("postmaster", postmaster.watch, self._server.pid, self.ha.wakeup, time.sleep)
        _spawn("liveness", liveness.watch, self._server, time.monotonic, time.sleep, liveness.LivenessProbe())
        _spawn("lock", lock.watch, PatroniStandby(self), time.monotonic, time.sleep)
        _spawn("disk", disk.watch, self._disk, self.postgresql.data_dir, self.ha.wakeup, time.sleep)
        super().run()

    def schedule_next_run(self) -> None:
        """End an HA loop; run the next at once if this one applied a new configuration, to report it.

        In each loop Patroni first updates its pod's annotation, and applies a new configuration last.
        """
        if self._configuration.doubtful(self.postgresql.state):
            # As by SIGHUP, which writes all files, whatever Patroni believes of them.
            self.reload_config(sighup=self.postgresql.state == "running")
        if self._configuration.changed(self.config.dynamic_configuration):
            self.ha.wakeup()
        super().schedule_next_run()

    def _apply(self, *arguments: Any) -> None:  # noqa: ANN401 - Patroni's own
        self._configuration.apply(lambda: self._reload_server(*arguments), lambda: self.postgresql.state)

    def _shutdown(self) -> None:
        super()._shutdown()
        cluster = self.ha.cluster
        if self.ha.hands_over() and cluster and len(cluster.members) > 1:
            time.sleep(LINGER_SECONDS)


def _spawn(name: str, work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, name=name, daemon=True).start()


if __name__ == "__main__":
    postgresql.STOP_POLLING_INTERVAL = STOP_POLLING_SECONDS
    # The only endpoint that changes something and that Patroni does not protect by a client certificate.
    RestApiHandler.do_POST_mpp = check_access(RestApiHandler.do_POST_mpp)
    abstract_main(KeddahPatroni, sys.argv[1])
