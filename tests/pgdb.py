"""Databases as `kubectl get -o json` has them: healthy, failing over, with a full disk, hibernated."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console, RenderableType

from kubectl_pgdb.objects import Database, database
from kubectl_pgdb.screens.status import status
from kubectl_pgdb.session import THEME
from tests.factory import database as manifest

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
Object = dict[str, Any]
_LABELS = {"keddah.dev/database": "orders", "app.kubernetes.io/component": "database"}
_GIB = 1 << 30


def ago(**given: float) -> str:
    """Give a moment before NOW, as Kubernetes writes it."""
    return (NOW - timedelta(**given)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, reason: str, message: str, truth: str = "True", **since: float) -> Object:
    """Give a condition."""
    since = since or {"days": 3}
    return {
        "type": kind,
        "status": truth,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(**since),
    }


def pod(number: int, role: str = "standby", *, ready: bool = True, **changes: Any) -> Object:  # noqa: ANN401
    """Give the pod of an instance; changes are of what Patroni says, or the pod's `status`."""
    said: Object = {
        "role": "primary" if role == "primary" else "replica",
        "state": "running",
        "timeline": 4,
        "xlog_location": 5 * _GIB,
        "tags": {"keddah": 1, "room": 8192},
    }
    if role == "standby":
        said["replication_state"] = "streaming"
    status = changes.pop("status", {"containerStatuses": [{"name": "postgres", "state": {"running": {}}}]})
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"orders-{number}",
            "labels": _LABELS | {"keddah.dev/role": role},
            "annotations": {"status": json.dumps(said | changes)},
        },
        "spec": {"nodeName": f"node-{number + 1}"},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}], **status},
    }


def claim(number: int) -> Object:
    """Give the volume claim of an instance."""
    metadata = {"name": f"data-orders-{number}", "labels": _LABELS}
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "status": {"capacity": {"storage": "10Gi"}},
    }


def job(name: str, command: str = "backup", ended: str = "Complete") -> Object:
    """Give a Job of backups that ended."""
    end = {"type": ended, "status": "True", "lastTransitionTime": ago(hours=1.99), "message": "It failed"}
    return {
        "kind": "Job",
        "metadata": {"name": name, "labels": {"keddah.dev/run": command}},
        "status": {"startTime": ago(hours=2), "conditions": [end]},
    }


def event(reason: str, message: str, kind: str = "Normal", **at: float) -> Object:
    """Give an event."""
    return {"metadata": {}, "type": kind, "reason": reason, "message": message, "eventTime": ago(**at)}


def _live(*conditions: Object, ready: str = "3/3", primary: str = "orders-0", **spec: Any) -> Object:  # noqa: ANN401
    backups = {
        "count": 9,
        "sizeBytes": 3 * _GIB,
        "oldestRestorableTime": ago(days=14),
        "newestRestorableTime": ago(seconds=40),
        "lastVerifiedTime": ago(days=2),
    }
    status: Object = {"currentVersion": "18.1", "ready": ready, "primary": primary, "backups": backups}
    status |= {"lastBackupTime": ago(hours=2), "conditions": list(conditions)}
    return manifest(version="18", replicas=3, **spec) | {"status": status}


_GOOD = (
    condition("BackedUp", "BackupRecent", f"the newest backup ended at {ago(hours=2)}"),
    condition("ArchivingWAL", "Archiving", "all WAL is archived"),
    condition("Provisioned", "AsDeclared", "2 databases and 3 roles are as declared"),
)
_CURRENT = condition("UpToDate", "AsAllowed", "18.1, as the policy has it for version 18")


def healthy() -> Database:
    """Give a database to which nothing happens."""
    live = _live(
        condition("Ready", "Ready", "3 of 3 instances serve"),
        condition("Reconciling", "Ready", "All resources are in the desired state", "False"),
        condition("Replicated", "Streaming", "2 of 2 standbys stream, at most 0 MiB behind"),
        _CURRENT,
        *_GOOD,
    )
    pods = [pod(2, xlog_location=5 * _GIB - 81920), pod(0, "primary"), pod(1)]
    told = [
        event("BackupMade", "a backup ended", hours=2),
        event("SwitchedOver", "orders-0 is primary since 00:00:03Z, after orders-1: it handed over", days=3),
    ]
    return database(live, [*pods, *map(claim, range(3)), job("orders-backup-29301", "backup")], told)


def failing_over() -> Database:
    """Give a database whose primary was lost a moment ago."""
    lost = "orders-0 was primary: its container ended (Error, exit code 137) at 02:59:58Z"
    live = _live(
        condition(
            "Ready", "FailingOver", f"have a standby take over from orders-0: {lost}", "False", seconds=2
        ),
        condition("Replicated", "NoPrimary", "No primary is known", "False", seconds=2),
        _CURRENT,
        *_GOOD,
        ready="2/3",
        primary="",
    )
    ended = {"terminated": {"reason": "Error", "exitCode": 137}}
    gone = {"containerStatuses": [{"name": "postgres", "state": ended}]}
    pods = [
        pod(0, "primary", ready=False, status=gone),
        pod(1),
        pod(2, replication_state="in archive recovery"),
    ]
    told = [event("PrimaryLost", lost, "Warning", seconds=2)]
    return database(live, [*pods, *map(claim, range(3))], told)


def disk_full() -> Database:
    """Give a database that refuses writes, since the volume of its primary is full."""
    words = "orders-0 (data-orders-0) has less than 32 MiB free: increase spec.storage.size"
    live = _live(
        condition("Ready", "DiskFull", words, minutes=12),
        condition("Stalled", "DiskFull", words, minutes=12),
        condition("Replicated", "Streaming", "2 of 2 standbys stream, at most 0 MiB behind"),
        _CURRENT,
        condition(
            "ArchivingWAL", "RepositoryFull", f"1024 MiB of WAL wait since {ago(hours=1)}", "False", hours=1
        ),
        _GOOD[0],
        _GOOD[2],
    )
    live["status"]["backups"] |= {
        "archiveLagSeconds": 3600,
        "lastError": {"time": ago(hours=2), "reason": "RepositoryFull", "message": "no space left on device"},
    }
    pods = [pod(0, "primary", tags={"disk_full": True}), pod(1, tags={"room": 41}), pod(2)]
    told = [event("DiskFull", words, "Warning", minutes=12)]
    failed = job("orders-backup-29301", ended="Failed")
    return database(live, [*pods, *map(claim, range(3)), failed], told)


def hibernated() -> Database:
    """Give a database without pods."""
    live = _live(
        condition("Ready", "Hibernated", "No pods; the volumes are kept"),
        condition("Replicated", "Hibernated", "No instance runs", "False"),
        condition("UpToDate", "NotReported", "No server has told its version yet", "Unknown"),
        *_GOOD[:2],
        ready="0/0",
        primary="",
        hibernated=True,
    )
    return database(
        live, list(map(claim, range(3))), [event("Hibernated", "No pods; the volumes are kept", days=3)]
    )


STATES = {
    "healthy": healthy,
    "failing-over": failing_over,
    "disk-full": disk_full,
    "hibernated": hibernated,
}


def screens() -> dict[str, str]:
    """Return the screen of `status` of each, by the name of its golden file."""
    return {f"pgdb/{name}.txt": _text(status(make(), NOW)) for name, make in STATES.items()}


def _text(renderable: RenderableType) -> str:
    """Give what a terminal of 80 columns shows, without colours, and without spaces at the ends of lines."""
    out = io.StringIO()
    Console(file=out, width=80, theme=THEME, highlight=False).print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
