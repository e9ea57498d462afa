"""Volumes that users add to the instances' pods, and where containers have them (ValidateVolumes).

Their kinds are those of Pod Security `restricted`; the others are not in the schema.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.kubernetes import amounts
from schemas.rules import environment
from schemas.verdict import Violation, field_path, got, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.containers import (
        DownwardAPIVolumeFile,
        KeyToPath,
        ProjectedVolumeSource,
        Volume,
        VolumeMount,
        VolumeProjection,
    )

OWN: Final = frozenset(
    {"app", "backup", "backup-run", "config", "data", "no-token", "restore", "run", "shm", "tls", "tmp"}
    | {"keddah-certificates", "keddah-exporter", "keddah-queries"}
)
"""Volumes of the pod that are keddah's."""
RESERVED: Final = "keddah-"
"""How volumes and containers begin that a later release may add."""
TOKEN_DIRECTORY: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
OWN_DIRECTORIES: Final = (
    *("/var/lib/postgresql", "/etc/patroni", "/etc/keddah", "/tmp", "/run/postgresql", "/run/keddah-backup"),  # noqa: S108
    "/run/keddah-exporter",
    *("/dev", "/etc/pgbackrest", "/etc/pgbackrest.conf", "/opt/keddah-patroni", "/opt/patroni"),
    *("/proc", "/sys", "/bin", "/lib", "/lib32", "/lib64", "/sbin", "/usr"),
    *(
        "/etc/group",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
    ),
    *("/etc/ld.so.preload", "/etc/nsswitch.conf", "/etc/passwd", "/etc/resolv.conf"),
    TOKEN_DIRECTORY.removeprefix("/var"),
)
"""Directories and files of the database container whose content keddah relies upon."""

_WITHIN: Final = re.compile(r"/usr/local/share/[^/]+.*|/usr/share/postgresql/[0-9]+/tsearch_data/[^/]+")
"""What may be put below them: authorities, dictionaries."""
_KINDS: Final = (
    ("configMap", "config_map"),
    ("csi", "csi"),
    ("downwardAPI", "downward_a_p_i"),
    ("emptyDir", "empty_dir"),
    ("persistentVolumeClaim", "persistent_volume_claim"),
    ("projected", "projected"),
    ("secret", "secret"),
)
_PROJECTED: Final = (
    ("configMap", "config_map"),
    ("downwardAPI", "downward_a_p_i"),
    ("secret", "secret"),
    ("serviceAccountToken", "service_account_token"),
)
_OF_FILES: Final = ("metadata.name", "metadata.namespace", "metadata.uid")


def volumes(path: str, given: list[Volume], database: str) -> Iterator[Violation]:
    """Refuse volumes that no pod could have, or that are the database's own."""
    seen: set[str] = set()
    for index, volume in enumerate(given):
        below = field_path(path, index)
        if volume.name in seen:
            yield got(f"{below}.name", volume.name, "is there already")
        elif volume.name in OWN or volume.name.startswith(RESERVED):
            yield got(f"{below}.name", volume.name, "is a name of the operator's own; choose another")
        seen.add(volume.name)
        kinds = [word for word, field in _KINDS if getattr(volume, field)]
        if len(kinds) != 1:
            allowed = listed([word for word, _ in _KINDS], joint="or")
            expected = f"must be one of {allowed}: Pod Security `restricted` allows no other"
            yield got(below, kinds, expected)
        yield from _contents(below, volume, database)


def _contents(path: str, given: Volume, database: str) -> Iterator[Violation]:
    if given.config_map:
        yield from _items(f"{path}.configMap.items", given.config_map.items or [])
    if given.secret:
        yield from environment.secret(f"{path}.secret.secretName", given.secret.secret_name, database)
        yield from _items(f"{path}.secret.items", given.secret.items or [])
    if given.downward_a_p_i:
        yield from _files(f"{path}.downwardAPI.items", given.downward_a_p_i.items or [])
    if given.projected:
        yield from _projected(f"{path}.projected.sources", given.projected, database)
    if given.empty_dir and given.empty_dir.size_limit:
        yield from _size(f"{path}.emptyDir.sizeLimit", given.empty_dir.size_limit)
    if given.persistent_volume_claim:
        claim = given.persistent_volume_claim.claim_name
        if database and re.fullmatch(rf"data-{database}-[0-9]+|repository-{database}-.*", claim):
            where = f"{path}.persistentVolumeClaim.claimName"
            yield got(where, claim, "is the database's own; name a claim that you made")


def _size(path: str, size: str | int) -> Iterator[Violation]:
    amount = amounts.amount(size)
    problem = amounts.problem(size) if amount is None else None if amount > 0 else "must be more than 0"
    if problem:
        yield got(path, size, problem)


def _projected(path: str, given: ProjectedVolumeSource, database: str) -> Iterator[Violation]:
    if not given.sources:
        yield got(path, [], "must have at least one source")
    for index, source in enumerate(given.sources):
        below = field_path(path, index)
        kinds = [word for word, field in _PROJECTED if getattr(source, field)]
        if len(kinds) != 1:
            allowed = listed([word for word, _ in _PROJECTED], joint="or")
            yield got(below, kinds, f"must be one of {allowed}")
        yield from _source(below, source, database)


def _source(path: str, given: VolumeProjection, database: str) -> Iterator[Violation]:
    if given.config_map:
        yield from _items(f"{path}.configMap.items", given.config_map.items or [])
    if given.secret:
        yield from environment.secret(f"{path}.secret.name", given.secret.name, database)
        yield from _items(f"{path}.secret.items", given.secret.items or [])
    if given.downward_a_p_i:
        yield from _files(f"{path}.downwardAPI.items", given.downward_a_p_i.items or [])
    if given.service_account_token:
        token = given.service_account_token
        yield from _relative(f"{path}.serviceAccountToken.path", token.path)
        if not token.audience:
            expected = "must name whom the token is for: the API server would take it as Patroni's"
            yield got(f"{path}.serviceAccountToken.audience", token.audience, expected)


def _items(path: str, given: list[KeyToPath]) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, item in enumerate(given):
        below = field_path(path, index)
        yield from environment.key(f"{below}.key", item.key)
        yield from _relative(f"{below}.path", item.path)
        if item.path in seen:
            yield got(f"{below}.path", item.path, "is there already")
        seen.add(item.path)


def _files(path: str, given: list[DownwardAPIVolumeFile]) -> Iterator[Violation]:
    for index, file in enumerate(given):
        below = field_path(path, index)
        yield from _relative(f"{below}.path", file.path)
        if not file.field_ref:
            yield got(f"{below}.fieldRef", None, "must say which field of the pod is in the file")
            continue
        field = file.field_ref.field_path
        # A file has all labels or annotations, too.
        if field not in ("metadata.labels", "metadata.annotations"):
            yield from environment.pod_field(f"{below}.fieldRef.fieldPath", field, _OF_FILES)


def _relative(path: str, given: str) -> Iterator[Violation]:
    """Refuse a path that leads out of its volume (validateLocalNonReservedPath)."""
    if not given or given.startswith(("/", "..")) or ".." in given.split("/"):
        yield got(path, given, "must be a path within the volume, without ..")


def mounts(
    path: str, given: list[VolumeMount], known: frozenset[str], *, own: bool = False
) -> Iterator[Violation]:
    """Refuse mounts of no volume, or at no place; `own`: in the container that runs the database."""
    seen: set[str] = set()
    for index, mount in enumerate(given):
        below = field_path(path, index)
        if mount.name not in known:
            expected = "must be the name of a volume in spec.template.volumes"
            yield got(f"{below}.name", mount.name, expected)
        where = mount.mount_path
        parts = where.split("/")
        if where in seen:
            yield got(f"{below}.mountPath", where, "is there already")
        elif parts[0] or {"", ".", ".."} & set(parts[1:]) or ":" in where:
            yield got(
                f"{below}.mountPath", where, "must be an absolute path such as /etc/reports, without : or .."
            )
        elif own and (hidden := _hidden(where)):
            expected = f"must be neither above nor below {hidden}, which the database needs as it is"
            yield got(f"{below}.mountPath", where, expected)
        seen.add(where)
        if mount.sub_path:
            yield from _relative(f"{below}.subPath", mount.sub_path)


def _hidden(path: str) -> str | None:
    """Return what of the database container a mount at this path would hide, or lie in."""
    # In the image, as in every Debian, /var/run leads to /run.
    real = path.removeprefix("/var") if f"{path}/".startswith("/var/run/") else path
    if _WITHIN.fullmatch(real):
        return None
    return next(
        (own for own in OWN_DIRECTORIES if f"{own}/".startswith(f"{real}/") or real.startswith(f"{own}/")),
        None,
    )
