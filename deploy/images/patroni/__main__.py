"""`python -m keddah_patroni FILE`: Patroni by its configuration file, quicker at two things."""

from __future__ import annotations

import sys
import threading
import time

from patroni import postgresql
from patroni.__main__ import Patroni
from patroni.daemon import abstract_main
from patroni.postgresql.postmaster import PostmasterProcess

from .postmaster import watch

# Patroni asks once a second whether a server that it stops has stopped, twice one after the other, while
# nobody can write. A pod that is deleted by force has two seconds from its signal to its end: only who is
# done by then leaves no lock behind.
STOP_POLLING_SECONDS = 0.25


class WatchfulPatroni(Patroni):  # type: ignore[misc] # Patroni is in the image only
    """The daemon, with a thread that lives as long as it does."""

    def run(self) -> None:
        """Run until told to end."""
        arguments = (self._postmaster, self.ha.wakeup, time.sleep)
        threading.Thread(target=watch, args=arguments, name="postmaster", daemon=True).start()
        super().run()

    def _postmaster(self) -> int | None:
        """Return the server's process id, by the file that it wrote."""
        process = PostmasterProcess.from_pidfile(self.postgresql.data_dir)
        return None if process is None else int(process.pid)


if __name__ == "__main__":
    postgresql.STOP_POLLING_INTERVAL = STOP_POLLING_SECONDS
    abstract_main(WatchfulPatroni, sys.argv[1])
