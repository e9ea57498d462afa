"""What the sessions of a role begin with is copied to its second login: a session has its login's alone.

PostgreSQL applies the settings of who logs in, and not those of the role that a setting of `role` then makes
it (ALTER ROLE). So whoever has the Secret of the one or of the other login would find another search_path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from controller.observe.access.state import RoleState
from controller.postgresql.statements.roles import SetParameter

Settings: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""Values by database ("" for all of them) and parameter."""

_NAMES: Final = frozenset({"search_path", "temp_tablespaces"})
_LISTS: Final = _NAMES | {"local_preload_libraries", "session_preload_libraries"}
"""Parameters whose elements are quoted one by one, of those that a role may have (GUC_LIST_QUOTE)."""
_OWN: Final = ("", "role")
"""What makes its sessions another's: a second login has keddah's, and the first what a user may have set."""
_ELEMENT: Final = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(,|$)')


def copied(login: str, first: RoleState | None, second: RoleState | None) -> Iterator[SetParameter]:
    """Give what makes the settings of a second login those of the first one."""
    wanted, held = _settings(first), _settings(second)
    for place in sorted(wanted.keys() | held.keys()):
        within, parameter = place
        value = wanted.get(place, ())
        if value != held.get(place, ()):
            yield SetParameter(login, parameter, value, within)


def _settings(role: RoleState | None) -> Settings:
    if role is None:
        return {}
    lines = [*(("", line) for line in role.settings), *role.settings_in]
    # A value that could not be read (�) is in another database's encoding, and nobody's to write again.
    read = ((within, *line.partition("=")[::2]) for within, line in lines if "\ufffd" not in within + line)
    return {(within, name): _elements(name, value) for within, name, value in read if (within, name) != _OWN}


def _elements(parameter: str, value: str) -> tuple[str, ...]:
    """Return the elements of a list of names; any other value as the only one."""
    if parameter not in _LISTS:
        return (value,)
    found: list[str] = []
    at, more = 0, True
    while more:
        match = _ELEMENT.match(value, at)
        if match is None:
            return (value,)
        quoted, bare, comma = match.groups()
        folded = bare.lower() if parameter in _NAMES and bare else bare
        found.append(folded if quoted is None else quoted.replace('""', '"'))
        at, more = match.end(), bool(comma)
    return tuple(found)
