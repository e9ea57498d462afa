"""Variables that users give to containers, and what they are taken from (ValidateEnv, ValidateEnvFrom).

In the database container nothing may be set that keddah, Patroni, PostgreSQL or pgBackRest is told by.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.kubernetes import labels
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.containers import EnvFromSource, EnvVar, EnvVarSource

OWN_PREFIXES: Final = (
    # PG: libpq, the server and pgBackRest. The others: keddah, Patroni, where the API server is; what decides
    # which programs and libraries run, and in which language PostgreSQL says why it does not start.
    *("PG", "KEDDAH_", "PATRONI_", "KUBERNETES_", "LC_", "LD_", "OPENSSL_", "PYTHON"),
)
OWN_NAMES: Final = frozenset(
    {"GCONV_PATH", "HOME", "HOSTNAME", "IFS", "LANG", "LANGUAGE", "LOCPATH", "PATH", "SHELL", "TEMP", "TMP"}
    | {"TMPDIR", "USER", "VIRTUAL_ENV"}
)
INTERNAL_SECRETS: Final = ("keys", "replication", "superuser")
"""Endings of a database's Secrets that nobody else may have: by each of them all of the data is read."""

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_FIELDS: Final = (
    *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"),
    *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
)
_OF_METADATA: Final = re.compile(r"metadata\.(?:labels|annotations)\['([^']+)'\]")
_PREFIX: Final = re.compile(r"[A-Za-z_][-A-Za-z0-9_.]*|")
_SOURCES: Final = "configMapKeyRef, fieldRef and secretKeyRef"


def variables(path: str, given: list[EnvVar], database: str, *, own: bool = False) -> Iterator[Violation]:
    """Refuse what no container could have; `own`: of the container that runs the database."""
    seen: set[str] = set()
    for index, variable in enumerate(given):
        below = field_path(path, index)
        name = variable.name
        if name in seen:
            yield got(f"{below}.name", name, "is there already")
        elif own and (name in OWN_NAMES or name.startswith(OWN_PREFIXES)):
            yield got(f"{below}.name", name, "is read by what runs in this container; choose another")
        seen.add(name)
        if variable.value_from:
            yield from _source(f"{below}.valueFrom", variable.value_from, database)
            if variable.value:
                yield got(f"{below}.value", variable.value, "must be left out where valueFrom is given")


def sources(path: str, given: list[EnvFromSource], database: str) -> Iterator[Violation]:
    """Refuse what variables cannot be taken from."""
    for index, source in enumerate(given):
        below = field_path(path, index)
        if bool(source.config_map_ref) == bool(source.secret_ref):
            yield got(below, _names(source), "must have one of configMapRef and secretRef")
        if source.secret_ref:
            yield from secret(f"{below}.secretRef.name", source.secret_ref.name, database)
        if not _PREFIX.fullmatch(source.prefix or ""):
            yield got(f"{below}.prefix", source.prefix, "must be the beginning of a variable's name")


def _source(path: str, given: EnvVarSource, database: str) -> Iterator[Violation]:
    if sum(map(bool, (given.config_map_key_ref, given.field_ref, given.secret_key_ref))) != 1:
        yield got(path, _names(given), f"must have one of {_SOURCES}")
    for field, reference in (
        ("configMapKeyRef", given.config_map_key_ref),
        ("secretKeyRef", given.secret_key_ref),
    ):
        if reference:
            yield from key(f"{path}.{field}.key", reference.key)
    if given.secret_key_ref:
        yield from secret(f"{path}.secretKeyRef.name", given.secret_key_ref.name, database)
    if given.field_ref:
        yield from pod_field(f"{path}.fieldRef.fieldPath", given.field_ref.field_path, _FIELDS)


def internal(name: str, database: str) -> bool:
    """Tell whether a Secret is one of the database that only its own containers may know."""
    return bool(database) and name in {f"{database}-{each}" for each in INTERNAL_SECRETS}


def secret(path: str, name: str, database: str) -> Iterator[Violation]:
    """Refuse a Secret of the database that only its own containers may know."""
    if internal(name, database):
        expected = f"is the database's own; what an application connects with is in {database}-app"
        yield got(path, name, expected)


def key(path: str, name: str) -> Iterator[Violation]:
    """Refuse what is no entry of a ConfigMap or Secret (IsConfigMapKey)."""
    if not _KEY.fullmatch(name) or name in (".", "..") or name.startswith(".."):
        yield got(path, name, "must be an entry's name: letters, digits, - _ and .")


def pod_field(path: str, field: str, known: tuple[str, ...]) -> Iterator[Violation]:
    """Refuse what cannot be read of a pod (validateObjectFieldSelector)."""
    found = _OF_METADATA.fullmatch(field)
    problem = labels.key_problem(found[1]) if found else None
    if (not found and field not in known) or problem:
        others = "metadata.labels['KEY'] or metadata.annotations['KEY']"
        yield got(path, field, f"must be one of {', '.join(known)}, {others}")


def _names(given: EnvVarSource | EnvFromSource) -> list[str]:
    return [field.replace("_", " ") for field in given.__struct_fields__ if getattr(given, field)]
