"""The API server's audit log: who asked what, as the API server itself saw it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTROLLER = "system:serviceaccount:keddah-system:keddah-controller"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Entry:
    """One request and its answer."""

    user: str
    verb: str
    group: str
    resource: str
    """With its subresource: `pods/status`."""
    namespace: str
    name: str
    code: int
    forbidden: bool
    """Whether the user had no right to it; a 403 can have other reasons, as a namespace that is going."""

    @property
    def writes(self) -> bool:
        """Whether it was meant to change something."""
        return self.verb in WRITES

    @property
    def created(self) -> bool:
        """Whether it made an object."""
        return self.code == HTTPStatus.CREATED

    @property
    def what(self) -> str:
        """The request in a few words."""
        return f"{self.verb} {self.resource} {self.namespace}/{self.name} -> {self.code}"


class Audit:
    """What was asked by one user since some moment."""

    def __init__(self, log: Path, user: str = CONTROLLER, offset: int = 0) -> None:
        self._log = log
        self._user = user
        self._offset = offset

    def end(self) -> Audit:
        """Give the log from now on."""
        return Audit(self._log, self._user, self._log.stat().st_size)

    def since(self) -> Iterator[Entry]:
        """Give every request of the user that was answered."""
        with self._log.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                # Reading the log of a running server, the last line may be half written.
                if not line.endswith(b"\n") or self._user.encode() not in line:
                    continue
                entry = _entry(json.loads(line))
                if entry.user == self._user:
                    yield entry


def _entry(event: dict[str, Any]) -> Entry:
    reference = event.get("objectRef") or {}
    resource = reference.get("resource", event.get("requestURI", ""))
    below = reference.get("subresource")
    return Entry(
        user=event["user"]["username"],
        verb=event["verb"],
        group=reference.get("apiGroup", ""),
        resource=f"{resource}/{below}" if below else resource,
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        forbidden=(event.get("annotations") or {}).get("authorization.k8s.io/decision") == "forbid",
        code=(event.get("responseStatus") or {}).get("code", 0),
    )
