"""What users add to an instance's pod: variables, volumes, and containers beside PostgreSQL.

Admission has refused whatever would stand in the way of keddah's own (schemas/rules: environment, volumes,
sidecars).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from controller.desired.security import container_security
from controller.kube.objects import Manifest
from schemas.api.containers import Container
from schemas.api.template import Template
from schemas.rules.volumes import TOKEN_DIRECTORY

NO_TOKEN: Final = "no-token"  # noqa: S105 - a volume
_USUAL: Final = (("readOnly", False), ("initialDelaySeconds", 0))
"""Values that the API server does not store: with them, what is desired would always differ from what is."""


def environment(template: Template) -> list[Manifest]:
    """Return the variables of the database container."""
    return _written(template.env)


def mounts(template: Template) -> list[Manifest]:
    """Return the mounts of the database container."""
    return _written(template.volume_mounts)


def volumes(template: Template) -> list[Manifest]:
    """Return the volumes."""
    return _written(template.volumes)


def no_token() -> Manifest:
    """Return the empty volume that other containers have where Patroni has its token."""
    return {"name": NO_TOKEN, "emptyDir": {"sizeLimit": "1Mi"}}


def sidecars(template: Template) -> Manifest:
    """Return the part of a pod with the sidecars: they start before PostgreSQL, and end after it."""
    if not template.sidecars:
        return {}
    return {"initContainers": [_sidecar(each) for each in template.sidecars]}


def _sidecar(given: Container) -> Manifest:
    """Return a container under Pod Security `restricted`, and without the token that is Patroni's.

    Kubernetes mounts the token of a pod's account in every container that has nothing at its place.
    """
    container: Manifest = _plain(msgspec.to_builtins(given))
    mounted = container.get("volumeMounts") or []
    if all(mount["mountPath"] != TOKEN_DIRECTORY for mount in mounted):
        mounted = [*mounted, {"name": NO_TOKEN, "mountPath": TOKEN_DIRECTORY, "readOnly": True}]
    return {
        **container,
        "restartPolicy": "Always",
        "volumeMounts": mounted,
        "securityContext": container_security() | container.get("securityContext", {}),
    }


def _written(parts: Any) -> list[Manifest]:  # noqa: ANN401 - a list of structures, or msgspec's unset
    return [_plain(msgspec.to_builtins(part)) for part in parts or []]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if (key, each) not in _USUAL}
    return [_plain(each) for each in value] if isinstance(value, list) else value
