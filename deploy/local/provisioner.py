"""The storage provisioner: it watches claims and volumes, and acts on each change at once.

python -m deploy.local.provisioner STATE_FOLDER API_ADDRESS API_PORT
"""

from __future__ import annotations

import argparse
import logging
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from deploy.local import storage
from deploy.local.kube import NOT_FOUND, ApiError, Client, Object
from deploy.local.pki import Pair
from deploy.local.processes import CommandError
from deploy.local.state import StateFolder
from deploy.local.storage import NoRoomError, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
_CONFLICT = 409
_RETRY_SECONDS = 0.5
_WORKERS = 4
_log = logging.getLogger("provisioner")


@dataclass(frozen=True)
class Provision:
    """Create the volume of a claim whose node the scheduler has chosen."""

    name: str
    node: str
    claim: Object


@dataclass(frozen=True)
class Grow:
    """Expand a volume to the size that its claim requests, and update both objects; or say why not."""

    name: str
    node: str
    claim: Object


@dataclass(frozen=True)
class Remove:
    """Delete a released volume."""

    name: str
    node: str


Action = Provision | Grow | Remove


def plan(claims: Iterable[Object], volumes: Mapping[str, Object]) -> list[Action]:
    """Return the actions that all claims and all volumes (by name) require."""
    actions = [action for claim in claims if (action := _for_claim(claim, volumes))]
    return [*actions, *(Remove(name, _node(volume)) for name, volume in volumes.items() if _is_left(volume))]


def _for_claim(claim: Object, volumes: Mapping[str, Object]) -> Action | None:
    metadata, spec = claim["metadata"], claim["spec"]
    if not _is_ours(claim):
        return None
    name = storage.volume_name(claim)
    node = metadata.get("annotations", {}).get("volume.kubernetes.io/selected-node")
    volume = volumes.get(name)
    if volume is None:
        waiting = node and not spec.get("volumeName") and not metadata.get("deletionTimestamp")
        return Provision(name, node, claim) if waiting else None
    due = _is_short(claim, volume) and not storage.is_refused(claim)
    return Grow(name, _node(volume), claim) if due else None


def _is_ours(claim: Object) -> bool:
    """Whether the claim is of a class of this provisioner: the two of the cluster, or one of a user."""
    if claim["spec"].get("storageClassName") in {storage.GROWING_CLASS, storage.FIXED_CLASS}:
        return True
    annotations = claim["metadata"].get("annotations", {})
    return bool(annotations.get("volume.kubernetes.io/storage-provisioner") == storage.PROVISIONER)


def _is_short(claim: Object, volume: Object) -> bool:
    """Whether the claim asks for more than it has; its status is updated last, the volume first."""
    capacity = claim.get("status", {}).get("capacity", {}).get("storage")
    if not capacity:  # not bound yet
        return False
    wanted = storage.bytes_of(storage.requested(claim))
    has = storage.bytes_of(volume["spec"]["capacity"]["storage"])
    return wanted > min(has, storage.bytes_of(capacity))


def _is_left(volume: Object) -> bool:
    provisioned_by = volume["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by")
    released = volume.get("status", {}).get("phase") == "Released"
    deletes = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    return bool(provisioned_by == storage.PROVISIONER and released and deletes)


def _node(volume: Object) -> str:
    term = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]
    return str(term["matchExpressions"][0]["values"][0])


class Provisioner:
    """Executes the plan after every change, several volumes at a time."""

    def __init__(self, state: StateFolder, client: Client) -> None:
        self._state = state
        self._client = client
        self._seen: dict[str, dict[str, Object]] = {CLAIMS: {}, VOLUMES: {}}
        self._changes: queue.Queue[tuple[str, dict[str, Object], bool]] = queue.Queue()
        self._busy: set[str] = set()

    def run(self) -> None:
        """Run until the process is killed."""
        for path in self._seen:
            threading.Thread(target=self._watch, args=(path,), daemon=True).start()
        with ThreadPoolExecutor(_WORKERS) as workers:
            while True:
                self._take(*self._changes.get())
                while not self._changes.empty():
                    self._take(*self._changes.get())
                volumes = self._seen[VOLUMES]
                for action in plan(self._seen[CLAIMS].values(), volumes):
                    if action.name not in self._busy:
                        self._busy.add(action.name)
                        workers.submit(self._carry_out, action)

    def _take(self, path: str, objects: dict[str, Object], all_of_them: bool) -> None:  # noqa: FBT001
        if all_of_them:
            self._seen[path].clear()
        for key, found in objects.items():
            if found.get("gone"):
                self._seen[path].pop(key, None)
            else:
                self._seen[path][key] = found

    def _watch(self, path: str) -> None:
        while True:
            try:
                listed = self._client.call("GET", path)
                self._changes.put((path, {_key(found): found for found in listed["items"]}, True))
                for event in self._client.watch(path, listed["metadata"]["resourceVersion"]):
                    if event["type"] != "BOOKMARK":
                        gone = event["type"] == "DELETED"
                        found = {"gone": True} if gone else event["object"]
                        self._changes.put((path, {_key(event["object"]): found}, False))
            except (ApiError, OSError, ValueError) as error:
                _log.warning("Watch ended path=%s error=%s", path, error)
                time.sleep(_RETRY_SECONDS)

    def _carry_out(self, action: Action) -> None:
        began = time.monotonic()
        try:
            self._act(action)
        except (ApiError, CommandError, OSError, ValueError) as error:
            _log.warning("Failed action=%s volume=%s error=%s", type(action).__name__, action.name, error)
            time.sleep(_RETRY_SECONDS)
        else:
            taken = time.monotonic() - began
            _log.info("Done action=%s volume=%s seconds=%.2f", type(action).__name__, action.name, taken)
        self._busy.discard(action.name)
        # Plan again: a change during this action was skipped.
        self._changes.put((CLAIMS, {}, False))

    def _act(self, action: Action) -> None:
        volume = Volume(self._state, action.node, action.name)
        match action:
            case Provision():
                self._provision(volume, action.claim)
            case Grow():
                self._grow(volume, action.claim)
            case Remove():
                volume.remove()
                self._tolerating(NOT_FOUND, "DELETE", f"{VOLUMES}/{action.name}")
            case _:
                assert_never(action)

    def _provision(self, volume: Volume, claim: Object) -> None:
        document = storage.persistent_volume(claim, volume.node, volume.mount_point)
        volume.create(storage.bytes_of(storage.requested(claim)))
        self._tolerating(_CONFLICT, "POST", VOLUMES, document)

    def _grow(self, volume: Volume, claim: Object) -> None:
        quantity = storage.requested(claim)
        try:
            volume.grow(storage.bytes_of(quantity))
        except NoRoomError as error:
            self._refuse(claim, str(error))
            return
        size = {"capacity": {"storage": storage.capacity(quantity)}}
        self._client.merge(f"{VOLUMES}/{volume.name}", {"spec": size})
        self._client.merge(_status_path(claim), {"status": storage.grown(quantity)})

    def _refuse(self, claim: Object, why: str) -> None:
        """Say on the claim that it cannot have this size; the next size that it asks for is tried again."""
        quantity, now = storage.requested(claim), datetime.now(UTC)
        _log.warning("Refused claim=%s size=%s reason=%r", claim["metadata"]["name"], quantity, why)
        told = storage.event(claim, "VolumeResizeFailed", f"{quantity}: {why}", now)
        self._client.call("POST", f"/api/v1/namespaces/{claim['metadata']['namespace']}/events", told)
        self._client.merge(_status_path(claim), {"status": storage.refused(quantity, why, now)})

    def _tolerating(self, code: int, method: str, path: str, body: Object | None = None) -> None:
        try:
            self._client.call(method, path, body)
        except ApiError as error:
            if error.code != code:
                raise


def _status_path(claim: Object) -> str:
    metadata = claim["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"


def _key(found: Object) -> str:
    """Tell claims apart by what they are and volumes by their name."""
    metadata = found["metadata"]
    return str(metadata["uid"] if "namespace" in metadata else metadata["name"])


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    state = StateFolder(given.folder)
    pair = Pair(state.pki / "provisioner.crt", state.pki / "provisioner.key")
    Provisioner(state, Client(given.address, given.port, state.pki / "ca.crt", pair)).run()


if __name__ == "__main__":
    main()
