"""Reports in a tag of the Patroni member which dynamic configuration is in force.

Members apply a new one at different times, within about a second, and know only then whether a restart is
pending. Both are reported in one write of the pod's annotation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.protocol.member import configuration_version

_STARTING = "starting"


class Configuration:
    """Remembers the version of the configuration that was applied last.

    Patroni applies each only once (4.1.5, postgresql/config.py, reload_config). If a query or a write fails
    meanwhile, or while the server starts, whose files are written by then, it would never be in force.
    """

    def __init__(self) -> None:
        self.version = ""
        """The digest of that configuration; "" before any was applied."""
        self._certain = True

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
        before, self.version = self.version, configuration_version(applied)
        return self.version != before
