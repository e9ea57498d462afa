"""Has the sessions that Patroni opens keep the settings of `controller.sessions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.sessions import ANY_ROLE, SUPERUSER, SUPERUSERS, options


def pinned(connect: Callable[..., Any]) -> Callable[..., Any]:
    """Return psycopg's `connect` with these settings; options that the caller gives come last, and win."""

    def connected(*arguments: Any, **settings: Any) -> Any:  # noqa: ANN401 - psycopg's own
        given = settings.get("options") or ""
        superuser = settings.get("user", SUPERUSER) == SUPERUSER
        settings["options"] = f"{options(superuser=superuser)} {given}".rstrip()
        return connect(*arguments, **settings)

    return connected


def without_sessions(read: Callable[[], dict[str, str]]) -> Callable[[], dict[str, str]]:
    """Return what reads the options of a server in single-user mode, with these settings among them.

    Patroni recovers a crashed server so before a rewind (4.1.5, rewind.py, ensure_clean_shutdown).
    """
    pins = {name: value for name, value in (ANY_ROLE | SUPERUSERS).items() if name != "role"}
    return lambda: pins | read()
