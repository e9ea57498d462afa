"""Reports in a tag of the Patroni member which dynamic configuration is in force.

Members apply a new one at different times, within about a second, and know only then whether a restart is
pending. Both are reported in one write of the pod's annotation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

_STARTING = "starting"


class Configuration:
    """Remembers the version of the configuration that was applied last.

    Patroni applies each only once (4.1.5, postgresql/config.py, reload_config). If a query or a write fails
    meanwhile, or while the server starts, whose files are written by then, it would never be in force.
    """

    def __init__(self) -> None:
        self._version: str | None = None
        self._certain = True

    @property
    def tags(self) -> dict[str, Any]:
        """The tag of a member that has applied a configuration; none before."""
        return {"configuration": self._version} if self._version else {}

    def apply(self, change: Callable[[], None], state: Callable[[], str]) -> None:
        """Apply a configuration; raises what `change` raises. `state`: Patroni's word for the server."""
        before, self._certain = state(), False
        change()
        self._certain = _STARTING not in (before, state())

    def doubtful(self, state: str) -> bool:
        """Whether to apply the configuration once more; not while the server still starts."""
        return not self._certain and state != _STARTING

    def changed(self, applied: dict[str, Any]) -> bool:
        """Record the configuration in force; return whether its version changed."""
        if not self._certain:
            return False
        before, self._version = self._version, _version(applied)
        return self._version != before


def _version(settings: dict[str, Any]) -> str | None:
    """Return a digest of a configuration, which the controller computes by the same rule; None if empty.

    Equal for what Patroni regards as equal (4.1.5, utils.py, deep_compare), as it applies no such change. A
    pause changes nothing about the server.
    """
    content = {key: value for key, value in settings.items() if key != "pause"}
    if not content:
        return None
    return hashlib.sha256(json.dumps(_words(content), sort_keys=True).encode()).hexdigest()[:16]


def _words(value: object) -> object:
    return {key: _words(each) for key, each in value.items()} if isinstance(value, dict) else str(value)
