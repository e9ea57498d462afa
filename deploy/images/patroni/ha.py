"""Patroni's round, with the one label that the Service follows, and commits that wait for nobody in vain."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from patroni import global_config
from patroni import ha as rounds
from patroni.dcs.kubernetes import catch_kubernetes_errors, k8s_client
from patroni.ha import Ha

from .call import CALL_SECONDS, calling
from .label import Label
from .patience import Patience

# Patroni's standbys come to their rounds so much later than the primary, for it to be there first.
_LATER_SECONDS = 0.5

# The lock is good until the moment when it ends, and that included.
_AFTER_SECONDS = 0.02


class KeddahHa(Ha):  # type: ignore[misc] # Patroni is in the image only
    """Who leads is Patroni's decision, as ever; here, who is labelled meanwhile."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - Patroni is not typed here
        super().__init__(patroni)
        self._label = Label()
        rounds.time = Patience(self.succeeded)

    def hands_over(self) -> bool:
        """Tell whether this was the primary, and its server is stopped or about to be."""
        server = self.state_handler
        return server.role in ("primary", "demoted") and server.state in ("stopping", "stopped", "crashed")

    def succeeded(self) -> bool:
        """Tell whether another holds the lock, by the last look at it."""
        cluster = self.dcs.cluster
        leader = cluster.leader if cluster else None
        return leader is not None and leader.name not in ("", self.state_handler.name)

    def post_bootstrap(self) -> str:
        """Finish a new database, and have the next round at once where it is finished.

        It is the first that makes slots for the standbys, who begin to clone now and cannot stream without.
        Patroni itself has a round here when a checkpoint ends, but needs none in a server made by initdb.
        """
        outcome = str(super().post_bootstrap())
        if self.is_leader():
            self.wakeup()
        return outcome

    def shutdown(self) -> None:
        """Stop the server and free the lock, unasked: who races for it asks this member too.

        Patroni answers no more by now, but leaves the port open, and they would wait for two seconds.
        """
        self.patroni.api.socket.close()
        super().shutdown()

    def watch(self, timeout: float) -> bool:
        """Wait for the next round; true when there is a reason to have it now.

        A standby whose primary is silent comes at the moment when the lock ends. Patroni has it come half a
        second later, and then ask the primary first: if that is not there, most of a second goes by. So it
        is called while the lock ends. The lock itself is as good as ever, and is taken as ever.
        """
        self.patroni.request.absent = None
        left = self._lock_left()
        if left is None or left > timeout + _LATER_SECONDS:
            return bool(super().watch(timeout))
        if left < CALL_SECONDS:
            return self._wait(left + _AFTER_SECONDS)
        return self._wait(left - CALL_SECONDS) or self._wait_calling()

    def _lock_left(self) -> float | None:
        """Return for how many seconds another's lock is good; None where it is not, or no race follows."""
        if self._async_executor.busy or self.cluster.is_unlocked() or self.has_lock(False):
            return None
        observed = self.dcs._leader_observed_time or 0  # noqa: SLF001 - what Patroni itself reckons from
        left: float = observed + self.dcs.ttl - time.time()
        return left if left > 0 else None

    def _wait_calling(self) -> bool:
        rest = CALL_SECONDS + _AFTER_SECONDS
        url = self.cluster.leader.member.api_url
        if not url:
            return self._wait(rest)
        with calling(url) as call:
            woken = self._wait(rest)
            if not woken and not call.answered():
                self.patroni.request.absent = url
        return woken

    def _wait(self, seconds: float) -> bool:
        """Wait as Patroni's store does, which would add its half second."""
        woken = bool(self.dcs.event.wait(seconds))
        self.dcs.event.clear()
        return woken

    def touch_member(self) -> bool:
        """Write down what has become of this member, or leave it for the moment.

        Who holds the lock takes the label from everybody else: a member that is cut off cannot, and the
        controller may be where that member is.
        """
        taken = any(True for _ in self._labelled())
        if self._label.kept(stopped=self.hands_over(), taken=taken, now=time.monotonic()):
            return True
        written = bool(super().touch_member())
        if self.is_leader():
            for member in self._labelled():
                _unlabel(self.dcs, member, self._settings["role_label"])
        return written

    def process_sync_replication(self) -> None:
        """Have commits wait for the right standbys; first of all not for anybody, where nobody is enough.

        Strictly, commits wait for anybody (`*`) while no standby is there. Taken back before one is, Patroni
        takes its own `*` for a wish (4.1.5, config.py, get_server_parameters). Who has no voters has nobody
        who could take over, so no commit that is acknowledged alone can be missing from a successor.
        """
        anybody = "*" in self.state_handler.synchronous_standby_names()
        enough = self.is_quorum_commit_mode() and not global_config.is_synchronous_mode_strict
        if anybody and enough and not self.cluster.sync.voters:
            self.state_handler.sync_handler.set_synchronous_standby_names([], 0)
        super().process_sync_replication()

    @property
    def _settings(self) -> Any:  # noqa: ANN401 - Patroni is not typed here
        return self.patroni.config["kubernetes"]

    def _labelled(self) -> Iterator[Any]:
        """Give the other members that are labelled as primary."""
        key, primary = self._settings["role_label"], self._settings["leader_label_value"]
        cluster = self.dcs.cluster
        for member in cluster.members if cluster else ():
            labels = member.data.get("pod_labels") or {}
            if member.name != self.state_handler.name and labels.get(key) == primary:
                yield member


@catch_kubernetes_errors  # type: ignore[untyped-decorator] # Patroni is not typed here
def _unlabel(dcs: Any, member: Any, key: str) -> None:  # noqa: ANN401 - Patroni is not typed here
    """Take the label from another member's pod, if nobody has written it since it was seen."""
    metadata = k8s_client.V1ObjectMeta(labels={key: None}, resource_version=member.version)
    dcs._api.patch_namespaced_pod(member.name, dcs._namespace, k8s_client.V1Pod(metadata=metadata))  # noqa: SLF001 - the only client that Patroni has
