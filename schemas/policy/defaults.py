"""Defaults that depend on the policy or on the object's name; static ones are in the CRD.

Only absent fields are filled, only by RFC 6902 `add`, so defaulting is idempotent. A null counts as absent,
as it does for the API server.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from schemas.api.metadata import DELETION
from schemas.policy import patch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.policy.policy import Policy, ScheduleWindow

REQUESTS = {"cpu": "100m", "memory": "256Mi"}
"""What the scheduler reserves by default: enough to start; no limit, since one on CPU costs latency and
one on memory kills the database where PostgreSQL's own settings would have held it."""

Operation = dict[str, Any]


def complete(
    manifest: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None = None
) -> list[Operation]:
    """Give the `add` operations that complete an object.

    On an update, an omitted field keeps its stored value instead of the policy's present default: that
    default may have changed since, and could mean a major upgrade or fewer instances.
    """
    spec = manifest.get("spec")
    if spec is None:
        return [patch.add(("spec",), dict(_absent({}, manifest, policy, old)))]
    if not isinstance(spec, dict):
        return []
    operations = [patch.add(("spec", name), value) for name, value in _absent(spec, manifest, policy, old)]
    operations.extend(_within_backup(spec, manifest, policy, old))
    operations.extend(_within_storage(spec, policy, old))
    operations.extend(_within_resources(spec))
    operations.extend(_within_template(spec, policy, old))
    return operations


def completed(
    manifest: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a copy of the object with its defaults."""
    return patch.apply(manifest, complete(manifest, policy, old))


def held(manifest: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Operation]:
    """Give the operation by which an object is held whose data is from now on deleted with it.

    The controller would hold it a moment later, and a deletion may come before that.
    """
    spec, metadata = manifest.get("spec"), manifest.get("metadata")
    if old is None or not isinstance(spec, dict) or not isinstance(metadata, dict):
        return []
    if spec.get("deletionPolicy") != "Delete" or _stored(old).get("deletionPolicy") == "Delete":
        return []
    finalizers = metadata.get("finalizers") or []
    if not isinstance(finalizers, list) or DELETION in finalizers:
        return []
    return [patch.add(("metadata", "finalizers"), [*finalizers, DELETION])]


def _absent(
    spec: Mapping[str, Any], manifest: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None
) -> Iterator[tuple[str, Any]]:
    stored = _stored(old)
    if spec.get("version") is None:
        yield "version", stored.get("version") or policy.default_version
    if spec.get("replicas") is None:
        yield "replicas", stored.get("replicas") or policy.replicas.default
    if spec.get("backupSchedule") is None:
        schedule = stored.get("backupSchedule")
        yield "backupSchedule", _daily(manifest, policy.schedule_window) if schedule is None else schedule
    if spec.get("backup") is None:
        yield "backup", {"verify": {"schedule": _verification(manifest, policy, old)}}
    if spec.get("storage") is None:
        yield "storage", {"size": _size(policy, old)}
    if spec.get("resources") is None:
        yield "resources", {"requests": dict(REQUESTS)}
    if spec.get("template") is None and (secrets := _pull_secrets(policy, old)):
        yield "template", {"imagePullSecrets": secrets}


def _within_backup(
    spec: Mapping[str, Any], manifest: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None
) -> Iterator[Operation]:
    backup = spec.get("backup")
    if not isinstance(backup, dict):
        return
    verify = backup.get("verify")
    if verify is None:
        schedule = _verification(manifest, policy, old)
        yield patch.add(("spec", "backup", "verify"), {"schedule": schedule})
    elif isinstance(verify, dict) and verify.get("schedule") is None:
        yield patch.add(("spec", "backup", "verify", "schedule"), _verification(manifest, policy, old))


def _within_storage(
    spec: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None
) -> Iterator[Operation]:
    storage = spec.get("storage")
    if isinstance(storage, dict) and storage.get("size") is None:
        yield patch.add(("spec", "storage", "size"), _size(policy, old))


def _within_resources(spec: Mapping[str, Any]) -> Iterator[Operation]:
    resources = spec.get("resources")
    if not isinstance(resources, dict):
        return
    requests, limits = resources.get("requests"), resources.get("limits")
    if not isinstance(requests, dict | None) or not isinstance(limits, dict | None):
        return
    # Where only a limit is set Kubernetes requests as much, which a smaller request here would undo.
    bounded = {**(limits or {}), **(requests or {})}
    missing = {name: amount for name, amount in REQUESTS.items() if bounded.get(name) is None}
    if requests is None and missing:
        yield patch.add(("spec", "resources", "requests"), missing)
        return
    for name, amount in missing.items():
        yield patch.add(("spec", "resources", "requests", name), amount)


def _within_template(
    spec: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None
) -> Iterator[Operation]:
    template = spec.get("template")
    if isinstance(template, dict) and template.get("imagePullSecrets") is None:
        secrets = _pull_secrets(policy, old)
        if secrets:
            yield patch.add(("spec", "template", "imagePullSecrets"), secrets)


def _pull_secrets(policy: Policy, old: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Give a new database the policy's; a later policy changes no pods, since that would restart them all."""
    if old is None:
        return [{"name": secret.name} for secret in policy.image_pull_secrets]
    template = _stored(old).get("template")
    stored = template.get("imagePullSecrets") if isinstance(template, dict) else None
    return stored if isinstance(stored, list) else []


def _size(policy: Policy, old: Mapping[str, Any] | None) -> str:
    storage = _stored(old).get("storage")
    stored = storage.get("size") if isinstance(storage, dict) else None
    return stored or policy.storage.size


def _stored(old: Mapping[str, Any] | None) -> Mapping[str, Any]:
    spec = old.get("spec") if old else None
    return spec if isinstance(spec, dict) else {}


def _verification(manifest: Mapping[str, Any], policy: Policy, old: Mapping[str, Any] | None) -> str:
    """Keep the stored schedule of verification; for a new database, one day of the week in the window."""
    backup = _stored(old).get("backup")
    verify = backup.get("verify") if isinstance(backup, dict) else None
    stored = verify.get("schedule") if isinstance(verify, dict) else None
    return stored if isinstance(stored, str) else _weekly(manifest, policy.schedule_window)


def _daily(manifest: Mapping[str, Any], window: ScheduleWindow) -> str:
    """Spread daily backups over the window by a hash of the name, so that they do not start together."""
    return f"{_time(_spread(manifest), window)} * * *"


def _weekly(manifest: Mapping[str, Any], window: ScheduleWindow) -> str:
    """Spread weekly verifications over the days too, at another time than the database's own backup."""
    number = _spread(manifest)
    day, minute = number // (24 * 60) % 7, number + window.hours * 30
    return f"{_time(minute, window)} * * {day}"


def _spread(manifest: Mapping[str, Any]) -> int:
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name") or metadata.get("generateName") or ""
    return zlib.crc32(f"{metadata.get('namespace') or ''}/{name}".encode())


def _time(number: int, window: ScheduleWindow) -> str:
    """Give minute and hour, the first two fields of cron."""
    moment = number % (window.hours * 60)
    return f"{moment % 60} {(window.start_hour + moment // 60) % 24}"
