"""Has PostgreSQL and Patroni log what `keddah-log` reads, where that is what has started this process.

The parameters belong to the image, which has what reads the files, and not to the configuration: a pod of
another release goes on as it is, and nothing is restarted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_COLLECTOR: Final = {
    "logging_collector": "on",
    # Two files of one second are one file.
    "log_filename": "postgresql-%Y%m%d-%H%M%S.log",
    "log_rotation_size": "4MB",
    "log_rotation_age": "0",
    "log_truncate_on_rotation": "off",
    "log_file_mode": "0600",
}


def collected(read: Callable[..., Any], folder: str) -> Callable[..., Any]:
    """Return what gives a server's parameters, with those of a collector that writes to this folder.

    In which format it writes is declared, and can be changed while a server runs (`log_destination`).
    """

    def parameters(*arguments: Any) -> Any:  # noqa: ANN401 - Patroni's own
        found = read(*arguments)
        found.update(_COLLECTOR, log_directory=folder)
        return found

    return parameters
