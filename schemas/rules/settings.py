"""Reads values of spec.parameters for rules that compare several of them, as PostgreSQL reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.postgresql.parameters import check
from schemas.postgresql.parameters.table import known

if TYPE_CHECKING:
    from collections.abc import Mapping


class ParameterSettings:
    """The parameters of one spec, by their names in lower case: PostgreSQL ignores the case of names."""

    __slots__ = ("_given", "major")

    def __init__(self, given: Mapping[str, str], major: int) -> None:
        self.major = major
        self._given: dict[str, tuple[str, str]] = {}
        for name, value in given.items():
            folded = name.lower()
            # The rule of parameters refuses a second spelling; until then, the plain one counts.
            if folded == name or folded not in self._given:
                self._given[folded] = (name, value)

    def names(self) -> tuple[str, ...]:
        """Return the names in lower case."""
        return tuple(self._given)

    def items(self) -> tuple[tuple[str, str], ...]:
        """Return the values by their names in lower case."""
        return tuple((name, value) for name, (_, value) in self._given.items())

    def get(self, name: str) -> tuple[str, str] | None:
        """Return a parameter's name as spelled, and its value."""
        return self._given.get(name)

    def number(self, name: str) -> float | None:
        """Return a number in its parameter's unit; None where it is absent, or its own rule reports it."""
        found = self._given.get(name)
        return check.number(name, found[1], self.major) if found else None

    def memory(self, name: str) -> int | None:
        """Return an amount of memory in bytes; None where it is absent, or its own rule reports it."""
        found = self._given.get(name)
        return check.memory(name, found[1], self.major) if found else None

    def over(self, defaults: Mapping[str, str]) -> ParameterSettings:
        """Return these parameters, and the defaults of those that are absent."""
        return ParameterSettings({**defaults, **dict(self._given.values())}, self.major)

    def in_force(self, name: str) -> float:
        """Return a number in its parameter's unit: what is given, else PostgreSQL's own."""
        given = self.number(name)
        return float(self._usual(name) or 0) if given is None else given

    def memory_in_force(self, name: str) -> int:
        """Return an amount of memory in bytes: what is given, else PostgreSQL's own; negative for a word."""
        given = self.memory(name)
        return check.memory(name, self._usual(name), self.major) or 0 if given is None else given

    def _usual(self, name: str) -> str:
        row = (known(self.major) or {}).get(name)
        return (row.boot_val if row else None) or ""

    def word(self, name: str, default: str) -> str:
        """Return one of a list of words in lower case, as PostgreSQL compares them."""
        found = self._given.get(name)
        return found[1].lower() if found else default
