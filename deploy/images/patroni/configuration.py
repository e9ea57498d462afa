"""Reports in a tag of the Patroni member which dynamic configuration is in force.

Members apply a new one at different times, within about a second, and know only then whether a restart is
pending. Both are reported in one write of the pod's annotation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# The controller's own entry in the configuration, which Patroni ignores (controller/desired/patroni.py).
_VERSION = "keddah_configuration"

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
        """Tell whether to apply the configuration once more; not while the server still starts."""
        return not self._certain and state != _STARTING

    def changed(self, applied: dict[str, Any]) -> bool:
        """Record the configuration in force; return whether its version changed."""
        if not self._certain:
            return False
        before, self._version = self._version, applied.get(_VERSION)
        return self._version != before
