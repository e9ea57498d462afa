"""This member as a candidate for the leader lock."""

from __future__ import annotations

import logging
from typing import Any

from patroni.dcs.kubernetes import catch_kubernetes_errors, k8s_client

from .lock import Lock

logger = logging.getLogger(__name__)


class PatroniStandby:
    """The member of one Patroni, and the others as cached by its watch; no requests are made."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - Patroni is not typed here
        self._patroni = patroni
        self._store = patroni.dcs

    def lock(self) -> Lock | None:
        """Return the lock; None if it is free, or this member could not acquire it."""
        written = self._store._kinds.get(self._store.leader_path)  # noqa: SLF001 - what Patroni's watch filled
        if written is None or not self._may_succeed():
            return None
        annotations = written.metadata.annotations or {}
        holder = annotations.get("leader")
        if not holder:
            return None
        return Lock(holder, written.metadata.resource_version, annotations.get("renewTime", ""))

    def pod(self, name: str) -> Any:  # noqa: ANN401 - Patroni's object
        """Return another member's pod as last seen; None where there is none."""
        return self._store._pods.get(name)  # noqa: SLF001 - what Patroni's watch filled

    def release(self, lock: Lock) -> None:
        """Release the lock on behalf of its holder, unless it changed since it was read."""
        logger.warning("Releasing the lock of %s: its container has ended", lock.holder)
        _release(self._store, lock)

    def _may_succeed(self) -> bool:
        """Whether Patroni would let this member race for the lock, as far as it knows by itself."""
        ha, server = self._patroni.ha, self._patroni.postgresql
        if ha.cluster is None or ha.is_paused() or self._patroni.nofailover:
            return False
        follows = server.role == "replica" and server.state == "running"
        return follows and (not ha.is_synchronous_mode() or bool(ha.cluster.sync.matches(server.name)))


@catch_kubernetes_errors  # type: ignore[untyped-decorator] # Patroni is not typed here
def _release(store: Any, lock: Lock) -> None:  # noqa: ANN401 - Patroni is not typed here
    """Write it as the controller does; of two concurrent writers, the resourceVersion refuses the second."""
    metadata = k8s_client.V1ObjectMeta(annotations={"leader": None}, resource_version=lock.version)
    body = k8s_client.V1ConfigMap(metadata=metadata)
    api, namespace = store._api, store._namespace  # noqa: SLF001 - the only client that Patroni has
    api.patch_namespaced_kind(store.leader_path, namespace, body)
