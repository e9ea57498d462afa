"""Jobs of backups and their pods, as the API server has them, and the settings beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.kube.objects import Manifest
from controller.observe.backups.record import Record
from controller.observe.state import ObservedState
from controller.protocol.results import Contents, Made, Proof, Result
from controller.protocol.settings import S3Repository, Settings, VolumeRepository

ARCHIVE = "orders-1a2b3c4d-7300000000000000001"
HELD = Contents(
    backups=1,
    bytes=5 << 20,
    database_bytes=23 << 20,
    oldest_restorable="2026-07-01T02:00:06Z",
    last_full="2026-07-01T02:00:05Z",
    last_backup="2026-07-01T02:00:05Z",
    newest_wal="000000010000000000000003",
    major="17",
)


def made(ended: str = "2026-07-01T02:00:05Z", **held: Any) -> Result:  # noqa: ANN401 - whatever Contents has
    """Give the result of a backup that succeeded."""
    began = f"{ended[:-3]}00Z"
    backup = Made("20260701-020001F", "Full", began, ended, 23 << 20, 5 << 20)
    contents = replace(HELD, last_full=ended, last_backup=ended, **held)
    return Result("backup", began, ended, made=backup, contents=contents)


def failed(reason: str, ended: str, message: str = "it was so", command: Any = "backup") -> Result:  # noqa: ANN401
    """Give the result of a run that did not succeed."""
    return Result(command, ended, ended, reason=reason, message=message)


def proven(ended: str) -> Result:
    """Give the result of a verification that succeeded."""
    proof = Proof(
        "20260701-020001F", "2026-07-01T02:00:05Z", ended, "000000010000000000000003", 3, checksums=True
    )
    return Result("verify", ended, ended, proof=proof, contents=HELD)


def job(name: str = "orders-backup-1", state: str = "", /, command: str = "backup", **notes: str) -> Manifest:
    """Give a Job that goes on, or is `Complete` or `Failed`; keywords are annotations of keddah's."""
    labels = {
        "app.kubernetes.io/component": "backup",
        "keddah.dev/database": "orders",
        "keddah.dev/run": command,
    }
    annotations = {f"keddah.dev/{key}": value for key, value in {"archive": ARCHIVE, **notes}.items()}
    at = "2026-07-01T02:00:07Z"
    ended = {"type": state, "status": "True", "lastTransitionTime": at, "message": "as the controller says"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "resourceVersion": "5",
            "creationTimestamp": "2026-07-01T02:00:00Z",
            "labels": labels,
            "annotations": annotations,
        },
        "spec": {},
        "status": ({"conditions": [ended]} if state else {"active": 1})
        | ({"completionTime": at} if state else {}),
    }


def pod(of: Manifest, said: Result | str | None = None, number: int = 1, **state: Any) -> Manifest:  # noqa: ANN401
    """Give a pod of a Job that has said this at its end; keywords are another state of its container."""
    message = said.text() if isinstance(said, Result) else said or ""
    good = isinstance(said, Result) and not said.reason
    terminated = {
        "exitCode": 0 if good else 1,
        "reason": "Completed" if good else "Error",
        "message": message,
    }
    container = {"name": "backup", "state": state or {"terminated": terminated}}
    phase = ("Succeeded" if good else "Failed") if not state else "Running"
    owner = {"kind": "Job", "name": of["metadata"]["name"], "uid": of["metadata"]["uid"], "controller": True}
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{of['metadata']['name']}-{number}",
            "uid": f"uid-pod-{number}",
            "creationTimestamp": f"2026-07-01T02:00:0{number}Z",
            "labels": of["metadata"]["labels"],
            "ownerReferences": [owner],
        },
        "status": {"phase": phase, "containerStatuses": [container]},
    }


def settings(archive: str = ARCHIVE, *, bucket: bool = False, record: Record | None = None) -> Manifest:
    """Give the ConfigMap that pods mount, with what is remembered on it."""
    place = (
        S3Repository(bucket="b", endpoint="s3", path="/shop/orders") if bucket else VolumeRepository(host="r")
    )
    told = Settings(archive=archive, data="/data", repository=place)
    annotations = {"keddah.dev/backups": record.text()} if record else {}
    return {
        "kind": "ConfigMap",
        "metadata": {
            "name": "orders-backup",
            "namespace": "shop",
            "uid": "uid-settings",
            "labels": {"keddah.dev/database": "orders"},
            "annotations": annotations,
        },
        "data": {"settings.json": told.text()},
    }


def serving() -> Manifest:
    """Give the StatefulSet of a volume repository that is ready."""
    labels = {"app.kubernetes.io/component": "repository", "keddah.dev/database": "orders"}
    return {"metadata": {"name": "orders-repository", "labels": labels}, "status": {"readyReplicas": 1}}


def around(
    state: ObservedState, *manifests: Manifest, of: Manifest | None = None, ready: bool = True
) -> ObservedState:
    """Give the observed state with these Jobs, pods and CronJobs, settings and a repository."""
    children = {kind: dict(found) for kind, found in state.children.items()}
    for manifest in (*manifests, of or settings()):
        children.setdefault(manifest["kind"], {})[manifest["metadata"]["name"]] = manifest
    if ready:
        children.setdefault("StatefulSet", {})["orders-repository"] = serving()
    return replace(state, children=children)
