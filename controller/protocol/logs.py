"""Where the lines of a container come from, and how they are asked for."""

from __future__ import annotations

from typing import Final

ENTRY: Final = "logging"
"""Entry of NAME-config: `JSON` or `Text`; no part of what a pod starts with, so a change restarts nothing."""
FILE: Final = f"/etc/patroni/{ENTRY}"
COLLECTED: Final = "/tmp/postgresql-log"  # noqa: S108 - a volume of the pod's own
"""What PostgreSQL's collector writes; not on the volume with the data, for a full one is when it matters."""
VARIABLE: Final = "KEDDAH_LOG_DIRECTORY"
"""Environment variable of a program whose lines are taken so: the same folder."""
DATABASE: Final = "KEDDAH_DATABASE"
"""Environment variable of a container that has no other way to know its database: `namespace/name`."""
SERVER: Final = "postgres"
"""The logger of PostgreSQL's own lines."""
SERVER_FIELDS: Final = "postgresql"
"""Field of these: what else PostgreSQL says of it, under PostgreSQL's own names."""
