"""Containers beside PostgreSQL (ValidateInitContainers, of those that are restarted always).

What they share with it is the pod's network: their ports must not be its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.rules import environment, resources, volumes
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.containers import Container, Probe

OWN: Final = frozenset({"backup", "keddah-exporter", "postgres"})
"""Containers of the pod that are keddah's."""
OWN_PORTS: Final = {5432: "postgresql", 8008: "patroni", 8187: "metrics", 8432: "backup"}
"""Ports of the pod that are keddah's, with their names, by which Services and probes find them."""

_NAMES: Final = frozenset(OWN_PORTS.values()) - {"metrics"}
"""Whoever looks for ports named metrics is to find those of sidecars too."""
_LAST_PORT: Final = 65535
_HANDLERS: Final = (("exec", "exec"), ("grpc", "grpc"), ("httpGet", "http_get"), ("tcpSocket", "tcp_socket"))
_PROBES: Final = (
    ("livenessProbe", "liveness_probe"),
    ("readinessProbe", "readiness_probe"),
    ("startupProbe", "startup_probe"),
)


def sidecars(path: str, given: list[Container], known: frozenset[str], database: str) -> Iterator[Violation]:
    """Refuse what no pod could have beside PostgreSQL; `known` are the volumes that the template has."""
    seen: set[str] = set()
    taken: dict[tuple[int, str], str] = {}
    for index, sidecar in enumerate(given):
        below = field_path(path, index)
        if sidecar.name in seen:
            yield got(f"{below}.name", sidecar.name, "is there already")
        elif sidecar.name in OWN or sidecar.name.startswith(volumes.RESERVED):
            yield got(f"{below}.name", sidecar.name, "is a name of the operator's own; choose another")
        seen.add(sidecar.name)
        if sidecar.image.strip() != sidecar.image:
            yield got(f"{below}.image", sidecar.image, "must have no white space at its ends")
        yield from environment.variables(f"{below}.env", sidecar.env or [], database)
        yield from environment.sources(f"{below}.envFrom", sidecar.env_from or [], database)
        yield from volumes.mounts(f"{below}.volumeMounts", sidecar.volume_mounts or [], known)
        if sidecar.resources:
            yield from resources.of_container(f"{below}.resources", sidecar.resources)
        yield from _ports(f"{below}.ports", sidecar, taken)
        for word, field in _PROBES:
            if probe := getattr(sidecar, field):
                yield from _probe(f"{below}.{word}", probe, sidecar)


def _ports(path: str, sidecar: Container, taken: dict[tuple[int, str], str]) -> Iterator[Violation]:
    names: set[str] = set()
    for index, port in enumerate(sidecar.ports or []):
        below, number = field_path(path, index), port.container_port
        name, place = port.name or "", (number, port.protocol or "TCP")
        if number in OWN_PORTS:
            yield got(f"{below}.containerPort", number, f"is the pod's own port {OWN_PORTS[number]}")
        elif place in taken:
            yield got(f"{below}.containerPort", number, f"is a port of {taken[place]} already")
        taken[place] = sidecar.name
        if name in _NAMES:
            yield got(f"{below}.name", name, "is the name of a port of the operator's own; choose another")
        elif name and (name in names or "--" in name or not any(map(str.isalpha, name))):
            expected = "must be another name than that of a port before, with a letter, without --"
            yield got(f"{below}.name", name, expected)
        names.add(name)


def _probe(path: str, given: Probe, sidecar: Container) -> Iterator[Violation]:
    handlers = [word for word, field in _HANDLERS if getattr(given, field)]
    if len(handlers) != 1:
        yield got(path, handlers, "must have one of exec, grpc, httpGet and tcpSocket")
    if given.exec and not given.exec.command:
        yield got(f"{path}.exec.command", [], "must be a program and its arguments")
    if given.http_get and given.http_get.path and not given.http_get.path.startswith("/"):
        yield got(f"{path}.httpGet.path", given.http_get.path, "must begin with /")
    yield from _of_ports(path, given, {port.name for port in sidecar.ports or [] if port.name})
    if not path.endswith("readinessProbe"):
        if given.success_threshold and given.success_threshold != 1:
            yield got(f"{path}.successThreshold", given.success_threshold, "must be 1 in this probe")
    elif given.termination_grace_period_seconds:
        seconds = given.termination_grace_period_seconds
        yield got(f"{path}.terminationGracePeriodSeconds", seconds, "must be left out: it ends no container")


def _of_ports(path: str, given: Probe, names: set[str]) -> Iterator[Violation]:
    for word, action in (("httpGet", given.http_get), ("tcpSocket", given.tcp_socket)):
        if action and isinstance(action.port, int) and not 1 <= action.port <= _LAST_PORT:
            yield got(f"{path}.{word}.port", action.port, f"must be from 1 to {_LAST_PORT}")
        elif action and isinstance(action.port, str) and action.port not in names:
            yield got(f"{path}.{word}.port", action.port, "must be a number, or the name of one of its ports")
