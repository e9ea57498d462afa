"""Where an instance's exporter finds what it tells of, and how Patroni learns of custom queries that fail."""

from __future__ import annotations

import json
from typing import Final

PORT: Final = 8187
"""Not that of postgres_exporter, 9187, which a sidecar of a user's may have."""
QUERIES_DIRECTORY: Final = "/etc/keddah/queries"
"""Custom queries, each in a file CONFIGMAP/KEY."""
QUERIES_ARGUMENT: Final = "--queries="
"""What an argument of the exporter begins with that names such a file."""
CERTIFICATES_DIRECTORY: Final = "/etc/keddah/certificates"
CERTIFICATES: Final = {
    "members": f"{CERTIFICATES_DIRECTORY}/tls.crt",
    "issuer": f"{CERTIFICATES_DIRECTORY}/server.crt",
}
"""The certificate of the database's own CA, and that of an issuer, if clients are shown such a one."""
VOLUME_DIRECTORY: Final = "/var/lib/postgresql"
SOCKET: Final = "/run/postgresql/.s.PGSQL.5432"
RUN_DIRECTORY: Final = "/run/keddah-exporter"
PROBLEMS_FILE: Final = f"{RUN_DIRECTORY}/problems.json"

_MOST: Final = 200
"""Characters that are reported: they go into the pod's annotation."""


def problems(text: str) -> str:
    """Return what is wrong with custom queries in words, from what the exporter wrote; "" for nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(found, dict) or not found:
        return ""
    name, words = min(found.items())
    more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{name}: {words}"[: _MOST - len(more)] + more
