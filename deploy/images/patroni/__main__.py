"""`python -m keddah_patroni FILE`: Patroni by its configuration file."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from patroni import postgresql
from patroni.__main__ import Patroni
from patroni.daemon import abstract_main
from patroni.ha import Ha
from patroni.postgresql.postmaster import PostmasterProcess

from .label import Label
from .postmaster import watch

# Patroni asks once a second whether a server that it stops has stopped, twice one after the other, while
# nobody can write. A pod that is deleted by force has two seconds from its signal to its end: only who is
# done by then leaves no lock behind.
STOP_POLLING_SECONDS = 0.25

# What is sent to the address of a pod that is gone stays unanswered until the client gives up; while the pod
# is there, whoever comes too early is refused at once. So long until every kube-proxy knows the successor.
LINGER_SECONDS = 2.0


class KeddahHa(Ha):  # type: ignore[misc] # Patroni is in the image only
    """Patroni's round, with a label that outlasts the lock."""

    def __init__(self, patroni: Patroni) -> None:
        super().__init__(patroni)
        self._label = Label()

    def hands_over(self) -> bool:
        """Tell whether this was the primary, and its server is stopped or about to be."""
        server = self.state_handler
        return server.role in ("primary", "demoted") and server.state in ("stopping", "stopped", "crashed")

    def shutdown(self) -> None:
        """Stop the server and free the lock, unasked: who races for it asks this member too.

        Patroni answers no more by now, but leaves the port open, and they would wait for two seconds.
        """
        self.patroni.api.socket.close()
        super().shutdown()

    def touch_member(self) -> bool:
        """Write down what has become of this member, or leave it for the moment."""
        kept = self._label.kept(stopped=self.hands_over(), taken=self._taken(), now=time.monotonic())
        return True if kept else bool(super().touch_member())

    def _taken(self) -> bool:
        """Tell whether another member is labelled as primary."""
        settings = self.patroni.config["kubernetes"]
        key, primary = settings["role_label"], settings["leader_label_value"]
        cluster = self.dcs.cluster
        others = [m for m in cluster.members if m.name != self.state_handler.name] if cluster else []
        return any((m.data.get("pod_labels") or {}).get(key) == primary for m in others)


class KeddahPatroni(Patroni):  # type: ignore[misc] # Patroni is in the image only
    """The daemon, with a thread that watches its server."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - Patroni's own
        super().__init__(*arguments)
        self.ha = KeddahHa(self)

    def run(self) -> None:
        """Run until told to end."""
        arguments = (self._postmaster, self.ha.wakeup, time.sleep)
        threading.Thread(target=watch, args=arguments, name="postmaster", daemon=True).start()
        super().run()

    def _postmaster(self) -> int | None:
        """Return the server's process id, by the file that it wrote."""
        process = PostmasterProcess.from_pidfile(self.postgresql.data_dir)
        return None if process is None else int(process.pid)

    def _shutdown(self) -> None:
        super()._shutdown()
        cluster = self.ha.cluster
        if self.ha.hands_over() and cluster and len(cluster.members) > 1:
            time.sleep(LINGER_SECONDS)


if __name__ == "__main__":
    postgresql.STOP_POLLING_INTERVAL = STOP_POLLING_SECONDS
    abstract_main(KeddahPatroni, sys.argv[1])
