"""The PostgreSQL server of this Patroni, for the threads that watch it."""

from __future__ import annotations

import logging
from typing import Any

from patroni.postgresql.postmaster import PostmasterProcess

from .procfs import ProcessState, process_state

logger = logging.getLogger(__name__)


class PatroniServer:
    """The server of one Patroni."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - Patroni is not typed here
        self._ha = patroni.ha
        self._postgresql = patroni.postgresql

    @property
    def address(self) -> str:
        """The socket that Patroni itself connects to."""
        settings = self._postgresql.connection_pool.conn_kwargs
        return f"{settings['host']}/.s.PGSQL.{settings['port']}"

    def pid(self) -> int | None:
        """Return the postmaster's process id from postmaster.pid; None if there is none."""
        process = PostmasterProcess.from_pidfile(self._postgresql.data_dir)
        return None if process is None else int(process.pid)

    def postmaster_state(self) -> ProcessState | None:
        """Return the state of the postmaster; None if it is busy, or need not answer now."""
        pid = self.pid() if self._must_answer() else None
        return None if pid is None else process_state(pid)

    def kill(self, state: ProcessState) -> None:
        """Kill the server and all its backends, so that none acknowledges another commit.

        A backend whose postmaster is gone exits by itself, but only when it next waits for something.
        """
        process = PostmasterProcess.from_pid(state.pid)
        if process is not None:
            why = "Killed the server with its backends, because it answered no connection: pid=%s state=%s"
            logger.warning(why, state.pid, state.state)
            process.signal_kill()

    def _must_answer(self) -> bool:
        """Whether Patroni regards the server as running, and would fail over if it died.

        It would not while paused, nor in failsafe mode (API server unreachable), when open connections are
        still served.
        """
        server, ha = self._postgresql, self._ha
        running = server.state == "running" and not server.bootstrapping
        return running and not ha.is_paused() and not ha.failsafe_is_active()
