"""PostgreSQL's own table of its parameters, for each major version.

The tables are what a server of the image says in pg_settings; `python -m deploy.parameters` writes them.
They are read when first asked for, and kept: some 400 records a major.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Context = Literal["internal", "postmaster", "sighup", "superuser-backend", "backend", "superuser", "user"]
_DATA = Path(__file__).parents[2] / "data"
_EXTREME = 1.7976931348623157e308


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """A row of pg_settings. Bounds are in `unit`."""

    name: str
    vartype: Literal["bool", "integer", "real", "string", "enum"]
    unit: str | None
    context: Context
    min_val: str | None
    max_val: str | None
    enumvals: tuple[str, ...] | None
    boot_val: str | None

    @property
    def minimum(self) -> float:
        """Least value of a number."""
        return -_EXTREME if self.min_val is None else float(self.min_val)

    @property
    def maximum(self) -> float:
        """Greatest value of a number."""
        # pg_settings rounds the greatest double to six digits.
        return _EXTREME if self.max_val in {None, "1.79769e+308"} else float(self.max_val or 0)


@cache
def known(major: int) -> dict[str, Parameter] | None:
    """Give a major's parameters by lower-case name; None where keddah has no table of it."""
    try:
        text = (_DATA / f"parameters-{major}.json").read_bytes()
    except FileNotFoundError:
        return None
    return {row.name.lower(): row for row in msgspec.json.decode(text, type=list[Parameter])}
