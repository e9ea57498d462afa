"""What a container's environment and its mounted files tell of its lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from controller.protocol import SETTINGS
from controller.protocol.logs import DATABASE, FILE
from schemas.records import FORMATS, Logging

SECONDS: Final = 2.0
"""How often it is looked at."""


class Container:
    """One container, of an instance, of a repository or of a Job."""

    def __init__(
        self,
        environment: Mapping[str, str],
        asked: Path = Path(FILE),
        settings: Path = Path(SETTINGS),
    ) -> None:
        self._asked, self._settings = asked, settings
        pod = environment.get("HOSTNAME", "")
        self.instance = environment.get("PATRONI_NAME") or pod
        namespace = environment.get("PATRONI_KUBERNETES_NAMESPACE", "")
        member = f"{namespace}/{self.instance.rpartition('-')[0]}" if namespace else ""
        self._database = member or environment.get(DATABASE, "")

    def look(self) -> tuple[Logging, dict[str, str]]:
        """Return how lines are asked for, and what each has."""
        told = self._told()
        try:
            written = self._asked.read_text().strip()
        except (OSError, UnicodeDecodeError):
            written = str(told.get("logging") or "")
        database = self._database or str(told.get("database") or "")
        fields = {"database": database, "instance": self.instance}
        chosen: Logging = "Text" if written == FORMATS[1] else "JSON"
        return chosen, {name: value for name, value in fields.items() if value}

    def _told(self) -> dict[str, object]:
        try:
            found = json.loads(self._settings.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
