"""What a database's pods and the controller tell each other.

The image ships this package beside Patroni and the programs of backups, and the controller imports it: it may
use the standard library only. Either side may be older: who reads leaves out what it does not know, and who
leaves something out is taken to say what the default says. So only a change of a meaning is a new VERSION.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = 1
SETTINGS: Final = "/etc/keddah/backup/settings.json"
"""Where a pod is told of backups; what else it says (settings.py) is read by their programs alone."""


def known(part: Any, said: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return what is said of the fields of a dataclass, without what a newer one adds."""
    return {name: value for name, value in said.items() if name in part.__dataclass_fields__}
