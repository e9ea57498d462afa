"""What runs pods, played through the API: binds claims, and does as Patroni does in a pod that has started.

Kubernetes' own StatefulSet controller makes the pods and claims; nothing here ever writes what keddah writes.
A pod never has a node, so that its deletion needs no confirmation by a kubelet.
"""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

from controller.protocol import VERSION
from controller.protocol.member import Report
from deploy.images.patroni.configuration import Configuration
from tests.readiness import ready
from tests.rest import RefusedError
from tests.rounds import Rounds

if TYPE_CHECKING:
    from tests.rest import Answer, Object, Rest

_GONE = 404
_CONFLICT = 409
_addresses = itertools.count(1)


class Kubelet(Rounds):
    """Runs the pods of every database in one namespace, in a thread, until the block ends."""

    def __init__(self, rest: Rest, namespace: str) -> None:
        super().__init__(f"kubelet of {namespace}")
        self._rest = rest
        self._namespace = namespace
        self._turn = threading.Lock()
        """A round writes what it read: nobody may be promoted meanwhile."""
        self.pending_restart: dict[str, dict[str, tuple[str, str]]] = {}
        """Pods whose server must restart: parameter to old and new value, as Patroni would find out."""
        self.identifier = "7300000000000000001"
        """PostgreSQL's, of each database that is made."""
        self.missing: set[str] = set()
        """Images that no registry has; a pod that runs already needs none."""

    def promote(self, database: str, pod: str) -> None:
        """Make a pod the primary, as a switchover does."""
        with self._turn:
            self._write_lock(database, pod)
            for each in self._pods(database):
                self._play(each, database, pod)

    def another(self, database: str, leader: str) -> str:
        """Name an instance that could be promoted instead."""
        names = (str(pod["metadata"]["name"]) for pod in self._pods(database))
        return next(name for name in names if name != leader)

    def look(self) -> None:
        """Go round once."""
        with self._turn:
            self._bind_claims()
            for database in sorted({_database(pod) for pod in self._pods()}):
                self._run_database(database)

    def _bind_claims(self) -> None:
        classes = {each["metadata"]["name"] for each in self._rest.list("StorageClass")}
        for claim in self._rest.list("PersistentVolumeClaim", self._namespace):
            spec, status = claim["spec"], claim.get("status") or {}
            wanted = spec["resources"]["requests"]["storage"]
            capacity = (status.get("capacity") or {}).get("storage")
            if spec.get("storageClassName") in classes and capacity != wanted:
                bound = {"phase": "Bound", "capacity": {"storage": wanted}}
                self._write("PersistentVolumeClaim", claim["metadata"]["name"], {"status": bound}, "status")

    def _run_database(self, database: str) -> None:
        pods = self._pods(database)
        for pod in pods:
            if self._lacks_image(pod) and "containerStatuses" not in (pod.get("status") or {}):
                self._write("Pod", pod["metadata"]["name"], {"status": _not_pulled(pod)}, "status")
        started = [pod for pod in pods if self._can_start(pod)]
        if not started:
            return
        there = [str(pod["metadata"]["name"]) for pod in started]
        held = self._holder(database)
        holder = held if held in there else there[0]
        self._write_lock(database, holder)
        for pod in started:
            self._play(pod, database, holder)
        standbys = [name for name in there if name != holder]
        self._patroni_map(database, "sync", {"leader": holder, "sync_standby": ",".join(standbys)})

    def _can_start(self, pod: Object) -> bool:
        if "deletionTimestamp" in pod["metadata"] or self._lacks_image(pod):
            return False
        names = [v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"] if _is_claim(v)]
        claims = [self._rest.get("PersistentVolumeClaim", self._namespace, name) for name in names]
        return all(((claim or {}).get("status") or {}).get("phase") == "Bound" for claim in claims)

    def _lacks_image(self, pod: Object) -> bool:
        return not ready(pod) and pod["spec"]["containers"][0]["image"] in self.missing

    def _play(self, pod: Object, database: str, holder: str) -> None:
        """Write what the kubelet and Patroni would say of a server that runs."""
        name = pod["metadata"]["name"]
        role = "primary" if name == holder else "standby"
        member: dict[str, Any] = {"state": "running", "role": role, "xlog_location": 50331648, "timeline": 1}
        if role == "standby":
            member["replication_state"] = "streaming"
        applied = Configuration()
        applied.changed(self._configuration(database))
        member["tags"] = Report(VERSION, applied.version).tags()
        if name in self.pending_restart:
            reasons = self.pending_restart[name].items()
            told = {key: {"old_value": old, "new_value": new} for key, (old, new) in reasons}
            member |= {"pending_restart": True, "pending_restart_reason": told}
        annotation, label = json.dumps(member, sort_keys=True), {"keddah.dev/role": role}
        metadata = pod["metadata"]
        if (metadata.get("annotations") or {}).get("status") != annotation:
            change = {"metadata": {"annotations": {"status": annotation}, "labels": label}}
            self._write("Pod", name, change)
        if not ready(pod):
            self._write("Pod", name, {"status": running(pod, f"{database}-{next(_addresses)}")}, "status")

    def _write_lock(self, database: str, holder: str) -> None:
        if self._holder(database) != holder:
            self._patroni_map(database, "leader", {"leader": holder, "optime": "50331648"})
        self._patroni_map(database, "config", {"initialize": self.identifier})

    def _configuration(self, database: str) -> dict[str, Any]:
        live = self._rest.get("ConfigMap", self._namespace, f"{database}-config")
        settings = ((live or {"metadata": {}})["metadata"].get("annotations") or {}).get("config", "{}")
        found: dict[str, Any] = json.loads(settings)
        return found

    def _holder(self, database: str) -> str | None:
        lock = self._rest.get("ConfigMap", self._namespace, f"{database}-leader")
        return ((lock or {"metadata": {}})["metadata"].get("annotations") or {}).get("leader")

    def _patroni_map(self, database: str, suffix: str, annotations: dict[str, str]) -> None:
        name = f"{database}-{suffix}"
        live = self._rest.get("ConfigMap", self._namespace, name)
        if live is None:
            labels = {"keddah.dev/database": database, "keddah.dev/scope": database}
            metadata = {
                "name": name,
                "namespace": self._namespace,
                "labels": labels,
                "annotations": annotations,
            }
            settled(self._rest.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
            return
        known = live["metadata"].get("annotations") or {}
        if any(known.get(key) != value for key, value in annotations.items()):
            self._write("ConfigMap", name, {"metadata": {"annotations": annotations}})

    def _pods(self, database: str | None = None) -> list[Object]:
        # Not those of repositories and Jobs, which run no server.
        selector = (
            f"app.kubernetes.io/component=database,keddah.dev/database{f'={database}' if database else ''}"
        )
        return self._rest.list("Pod", self._namespace, labelSelector=selector)

    def _write(self, kind: str, name: str, change: Object, subresource: str = "") -> None:
        settled(self._rest.merge(kind, self._namespace, name, change, subresource, fieldManager="kubelet"))


def settled(answer: Answer) -> None:
    """Let others win races: who deleted or made something meanwhile; anything else is an error."""
    if not answer.accepted and answer.status not in (_GONE, _CONFLICT):
        raise RefusedError(answer)


def _database(pod: Object) -> str:
    return str(pod["metadata"]["labels"]["keddah.dev/database"])


def _is_claim(volume: Object) -> bool:
    return "persistentVolumeClaim" in volume


def _not_pulled(pod: Object) -> Object:
    container = pod["spec"]["containers"][0]
    waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{container["image"]}"'}
    told = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": waiting},
    }
    return {"phase": "Pending", "containerStatuses": [told]}


def running(pod: Object, start: str) -> Object:
    """Give the status of a pod that runs and is ready."""
    number = next(_addresses)
    address = f"127.77.{number // 250}.{number % 250 + 1}"
    condition = {"status": "True", "lastTransitionTime": "2026-11-23T08:00:00Z"}
    container = {
        "name": pod["spec"]["containers"][0]["name"],
        "image": pod["spec"]["containers"][0]["image"],
        "imageID": "",
        "containerID": f"test://{start}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": "2026-11-23T08:00:00Z"}},
    }
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": kind, **condition} for kind in ("Ready", "ContainersReady", "Initialized")],
        "containerStatuses": [container],
    }
