"""Which dynamic configuration is in force, said as a tag of the Patroni member.

Members apply a new one at different moments, and take a second for it; which restarts are pending is known
only then. Both are reported in one write of the pod's annotation.
"""

from __future__ import annotations

from typing import Any

# The controller's own entry in the configuration, which Patroni ignores (controller/desired/patroni.py).
_VERSION = "keddah_configuration"


class Configuration:
    """Remembers the version of the configuration that was applied last."""

    def __init__(self) -> None:
        self._version: str | None = None

    @property
    def tags(self) -> dict[str, Any]:
        """The tag of a member that has applied a configuration; none before."""
        return {"configuration": self._version} if self._version else {}

    def changed(self, applied: dict[str, Any]) -> bool:
        """Take note of the configuration in force; tell whether it has another version than before."""
        before, self._version = self._version, applied.get(_VERSION)
        return self._version != before
