"""Patroni's HA loop with patches: pod labels, the wait for an expiring lock, synchronous standbys."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from patroni import global_config, psycopg
from patroni import ha as patroni_ha
from patroni.dcs.kubernetes import KubernetesError, catch_kubernetes_errors, k8s_client
from patroni.exceptions import PostgresConnectionException
from patroni.ha import Ha

from .bootstrap import RESTORING
from .call import CALL_SECONDS, calling
from .handover import InterruptibleTime, Label
from .reading import MISSING
from .session import without_sessions

logger = logging.getLogger(__name__)

# Patroni delays the HA loop of standbys by this much, so that the primary runs first.
_LATER_SECONDS = 0.5

# The lock is valid up to and including its last moment.
_AFTER_SECONDS = 0.02

_FAR_BYTES = 256 << 20
"""What a standby cannot receive before a stopping primary is killed (primary_stop_timeout)."""
_MISSING = """
    SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), pg_catalog.max(flush_lsn))
    FROM pg_catalog.pg_stat_replication WHERE sync_state <> 'async'"""
"""How many bytes the best of the voters lacks."""


class KeddahHa(Ha):  # type: ignore[misc] # Patroni is in the image only
    """Patroni's HA loop. The election is unchanged; labels and waits are patched."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - Patroni is not typed here
        super().__init__(patroni)
        self._thread = threading.get_ident()
        self._label = Label()
        self._rewind.read_postmaster_opts = without_sessions(self._rewind.read_postmaster_opts)
        patroni_ha.time = InterruptibleTime(self.succeeded)

    def hands_over(self) -> bool:
        """Whether this was the primary, and its server is stopped or stopping."""
        server = self.state_handler
        return server.role in ("primary", "demoted") and server.state in ("stopping", "stopped", "crashed")

    def succeeded(self) -> bool:
        """Whether another member holds the lock, as of the last HA loop or watch."""
        cluster = self.dcs.cluster
        leader = cluster.leader if cluster else None
        return leader is not None and leader.name not in ("", self.state_handler.name)

    def follows(self) -> bool:
        """Whether the server streams from the primary, or is the primary."""
        server = self.state_handler
        if server.state != "running":
            return False
        try:
            return bool(server.role == "primary" or server.replication_state() == "streaming")
        except (psycopg.Error, PostgresConnectionException):
            return False

    def load_cluster_from_dcs(self) -> None:
        """Take over what is read of the cluster.

        A request to copy the primary does so too, and holds the HA loop up meanwhile: what that has not read
        would never come.
        """
        if threading.get_ident() != self._thread and self.dcs.cluster is None:
            raise KubernetesError(MISSING)
        super().load_cluster_from_dcs()

    def clone(self, clone_member: Any = None, *arguments: Any) -> Any:  # noqa: ANN401 - Patroni's own
        """Copy another member; the data that the copy replaces is kept until that streams."""
        return self.patroni.data.copied(clone_member, partial(super().clone, clone_member, *arguments))

    def bootstrap(self) -> str:
        """Begin to make the data, or wait for a primary to copy; marked, so that it can begin again."""
        if self.patroni.restores:
            # Its data was set aside, and comes from the archive, like that of a database that is new.
            self.patroni.config["bootstrap"].update(RESTORING)
        said = str(super().bootstrap())
        if self.state_handler.bootstrapping:
            self.patroni.mark.begin()
        return said

    def cancel_initialization(self) -> None:
        """Give a bootstrap up that failed; its data goes before the note that it is under way."""
        self.state_handler.stop("immediate", stop_timeout=self.patroni.config["retry_timeout"])
        self.state_handler.move_data_directory()
        super().cancel_initialization()

    def post_bootstrap(self) -> str:
        """Finish the bootstrap, and run the next HA loop at once.

        That loop creates the replication slots of the standbys, which start to clone now and cannot stream
        without them. Patroni itself runs one only when a checkpoint ends, which initdb does not need.
        """
        outcome = str(super().post_bootstrap())
        if self.is_leader():
            self.patroni.mark.end()
            self.wakeup()
        return outcome

    def demote(self, mode: str) -> Any:  # noqa: ANN401 - Patroni's own
        """Stop the server and release the lock."""
        if mode == "graceful":
            self._hurry()
        return super().demote(mode)

    def shutdown(self) -> None:
        """Stop the server and release the lock; close the REST API first.

        Members that race for the lock also ask this one. Patroni no longer answers by now but leaves the port
        open, so they would wait for two seconds.
        """
        self.patroni.api.socket.close()
        if self.is_leader() and not self.is_paused():
            self._hurry()
        super().shutdown()

    def _hurry(self) -> None:
        """End the server at once, if it would be killed anyway after its checkpoints and a second more.

        A clean stop waits until the standbys have all WAL. With quorum commit the votes tell that they have
        all that was acknowledged, and how far they are behind besides is not waited for.
        """
        server = self.state_handler
        if not self.quorum_commit_mode_is_active() or not self._far_behind():
            return
        logger.info("Ending the server at once: no standby could receive all of its WAL in time")
        if postmaster := server.is_running():
            server.set_state("stopping")
            server.terminate_postmaster(postmaster, "fast", self.patroni.config["retry_timeout"])

    def _far_behind(self) -> bool:
        """Whether there are standbys whose votes count, and all of them are far behind."""
        try:
            [(missing,)] = self.state_handler.query(_MISSING, retry=False)
        except (psycopg.Error, PostgresConnectionException):
            return False
        return missing is not None and missing > _FAR_BYTES

    def watch(self, timeout: float) -> bool:
        """Wait for the next HA loop; return true if something woke it.

        A standby whose primary does not renew the lock runs when the lock expires. Patroni would run it half
        a second later, and then ask the primary first, which takes most of a second if that is unreachable.
        So the primary is contacted shortly before the expiry. Expiry and acquisition of the lock are
        unchanged.
        """
        self.patroni.request.absent = None
        left = self._lock_left()
        if left is None or left > timeout + _LATER_SECONDS:
            return bool(super().watch(timeout))
        if left < CALL_SECONDS:
            return self._wait(left + _AFTER_SECONDS)
        return self._wait(left - CALL_SECONDS) or self._wait_calling()

    def _lock_left(self) -> float | None:
        """Return how many seconds another member's lock is still valid; None if none or no race follows."""
        if self._async_executor.busy or self.cluster.is_unlocked() or self.has_lock(False):
            return None
        observed = self.dcs._leader_observed_time or 0  # noqa: SLF001 - the basis of Patroni's own expiry
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
        """Wait like Patroni's DCS client, but without its extra half second for standbys."""
        woken = bool(self.dcs.event.wait(seconds))
        self.dcs.event.clear()
        return woken

    def touch_member(self) -> bool:
        """Write this member's pod annotations and label, unless its label is to be kept for now.

        The lock holder removes the primary label from every other pod: a partitioned member cannot do it
        itself, and the controller may be in the same partition.
        """
        taken = any(True for _ in self._labelled())
        if self._label.kept(stopped=self.hands_over(), taken=taken, now=time.monotonic()):
            return True
        written = bool(super().touch_member())
        if self.is_leader():
            for member in self._labelled():
                _unlabel(self.dcs, member, self._settings["role_label"])
        return written

    def is_lagging(self, wal_position: int) -> bool:
        """Whether a standby misses too much WAL to be promoted; never with quorum commit.

        Its votes tell who has every acknowledged commit. How much more the lost primary had written, which
        nobody acknowledged, says nothing: in a bulk load over a slow network it is hundreds of MiB.
        """
        return not self.quorum_commit_mode_is_active() and bool(super().is_lagging(wal_position))

    def process_sync_replication(self) -> None:
        """Set the synchronous standbys; first remove a `*` that strict mode has left.

        In strict mode, commits wait for any standby (`*`) while there is none. When strict mode ends before
        a standby has joined, Patroni keeps its own `*` as if it were configured (4.1.5, config.py,
        get_server_parameters). Without voters no member could take over, so a commit that is acknowledged by
        the primary alone cannot be missing from a successor.
        """
        wildcard = "*" in self.state_handler.synchronous_standby_names()
        not_strict = self.is_quorum_commit_mode() and not global_config.is_synchronous_mode_strict
        if wildcard and not_strict and not self.cluster.sync.voters:
            self.state_handler.sync_handler.set_synchronous_standby_names([], 0)
        super().process_sync_replication()

    @property
    def _settings(self) -> Any:  # noqa: ANN401 - Patroni is not typed here
        return self.patroni.config["kubernetes"]

    def _labelled(self) -> Iterator[Any]:
        """Yield the other members that are labelled as primary."""
        key, primary = self._settings["role_label"], self._settings["leader_label_value"]
        cluster = self.dcs.cluster
        for member in cluster.members if cluster else ():
            labels = member.data.get("pod_labels") or {}
            if member.name != self.state_handler.name and labels.get(key) == primary:
                yield member


@catch_kubernetes_errors  # type: ignore[untyped-decorator] # Patroni is not typed here
def _unlabel(dcs: Any, member: Any, key: str) -> None:  # noqa: ANN401 - Patroni is not typed here
    """Remove the label from another member's pod, unless the pod changed since it was read."""
    metadata = k8s_client.V1ObjectMeta(labels={key: None}, resource_version=member.version)
    dcs._api.patch_namespaced_pod(member.name, dcs._namespace, k8s_client.V1Pod(metadata=metadata))  # noqa: SLF001 - the only client that Patroni has
