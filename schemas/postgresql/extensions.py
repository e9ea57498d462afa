"""Extensions that work only in a server that was started with their library, and what else they need of it.

Pure, and used alike by the admission server, the linter and the controller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PRELOAD: Final = "shared_preload_libraries"
CRON: Final = "pg_cron"
CRON_DATABASE: Final = "cron.database_name"

LIBRARIES: Final[Mapping[str, str]] = {
    # PostgreSQL documentation, pg_stat_statements. Before the two that build on it.
    "pg_stat_statements": "pg_stat_statements",
    # The README of each: "Settings" of pgAudit, "Setting up pg_cron"; of the others, "Installation".
    "pgaudit": "pgaudit",
    "pg_cron": "pg_cron",
    "pg_stat_kcache": "pg_stat_kcache",
    "pg_qualstats": "pg_qualstats",
    "pg_wait_sampling": "pg_wait_sampling",
    "set_user": "set_user",
    "timescaledb": "timescaledb",
}
"""Extension to its library, in the order in which servers load them; the last five are for others' images.

Not those that can do without it: pg_prewarm, and pg_partman, whose worker has to be told its databases too.
"""


class Asked(NamedTuple):
    """An extension that a database asks for; "" leaves its version, or its schema, to PostgreSQL."""

    database: str
    name: str
    version: str = ""
    schema: str = ""


def library(extension: str) -> str | None:
    """Return the library that a server must have been started with, before the extension is created in it."""
    return LIBRARIES.get(extension)


def parameters(asked: Iterable[Asked], given: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that the extensions asked for need, in place of the user's own of the same names.

    `given` are the user's, their names in lower case. What they preload comes first and stays.
    """
    wanted = {each.name: each.database for each in asked}
    needed = [library for name, library in LIBRARIES.items() if name in wanted]
    if not needed:
        return {}
    own = given.get(PRELOAD, "").strip()
    missing = [library for library in needed if library not in loaded(own)]
    found = {PRELOAD: ",".join([*([own] if own else []), *missing])}
    if CRON in wanted:
        found[CRON_DATABASE] = wanted[CRON]
        # Else pg_cron connects to localhost, as the job's owner and without a password, which is refused.
        found["cron.use_background_workers"] = given.get("cron.use_background_workers", "on")
    return found


def loaded(libraries: str) -> tuple[str, ...]:
    """Return the names in a list of libraries, without quotes and the folder that is searched anyway."""
    words = (word.strip().strip('"').removeprefix("$libdir/") for word in libraries.split(","))
    return tuple(word for word in words if word)
