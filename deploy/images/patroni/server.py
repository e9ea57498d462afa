"""The server as Patroni knows it, for whoever asks whether it lives."""

from __future__ import annotations

import logging
from typing import Any

from patroni.postgresql.postmaster import PostmasterProcess

from .sight import Sight, look

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
        """Return the postmaster's process id, by the file that it wrote; None where there is none."""
        process = PostmasterProcess.from_pidfile(self._postgresql.data_dir)
        return None if process is None else int(process.pid)

    def sight(self) -> Sight | None:
        """Look at the postmaster; None where it is at work, or owes no answer."""
        pid = self.pid() if self._owes_an_answer() else None
        return None if pid is None else look(pid)

    def kill(self, sight: Sight) -> None:
        """End the server and all its backends, so that none acknowledges a commit any more.

        A backend whose postmaster is gone ends by itself, but only when it waits for something next.
        """
        process = PostmasterProcess.from_pid(sight.pid)
        if process is not None:
            why = "Server answered nobody, and was killed with its backends: pid=%s state=%s"
            logger.warning(why, sight.pid, sight.state)
            process.signal_kill()

    def _owes_an_answer(self) -> bool:
        """Tell whether Patroni takes the server for running, and would replace it.

        In pause it would not. With its store away (failsafe mode) it would not either, and who is connected
        is still served.
        """
        server, ha = self._postgresql, self._ha
        running = server.state == "running" and not server.bootstrapping
        return running and not ha.is_paused() and not ha.failsafe_is_active()
