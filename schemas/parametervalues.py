"""Values of parameters as a configuration file has them, read by the rules of PostgreSQL and Patroni both.

PostgreSQL: Setting Parameters, and parse_int, parse_real and convert_to_base_unit in guc.c. Patroni drops
what it does not understand with no more than a line in its log (patroni/postgresql/validator.py), so its
narrower reading of booleans is the one that counts.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from schemas.verdict import listed, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.parametertable import Parameter

_DIGITS = r"[+-]?(?:0x[0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
_NUMBER = re.compile(rf"[ \t]*({_DIGITS})[ \t]*(\S*)[ \t]*", re.ASCII)
_BOOLEANS: Final = frozenset({"on", "true", "yes", "1", "off", "false", "no", "0"})
_LARGEST: Final = 2**31 - 1
_HUGE: Final = 1e300
_LEAST_RING: Final = 128
_STACK: Final = 7680
_IN_SIXTEENS: Final = frozenset(
    f"{area}_buffers"
    for area in (
        *("commit_timestamp", "multixact_member", "multixact_offset", "notify"),
        *("serializable", "subtransaction", "transaction"),
    )
)

_BYTES: Final = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_MICROSECONDS: Final = {
    "us": 1,
    "ms": 1000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_BASES: Final[Mapping[str, tuple[Mapping[str, int], int]]] = {
    **{unit: (_BYTES, size) for unit, size in _BYTES.items()},
    "8kB": (_BYTES, 8 << 10),
    **{unit: (_MICROSECONDS, size) for unit, size in _MICROSECONDS.items()},
}
_MISSPELT: Final = {"m": "min for minutes, ms for milliseconds", "sec": "s", "hour": "h", "day": "d"}


def problem(parameter: Parameter, value: str) -> str | None:
    """Say what is wrong with a value, None if nothing is."""
    match parameter.vartype:
        case "bool":
            return None if value.lower() in _BOOLEANS else "write on or off"
        case "enum":
            return _enum_problem(parameter, value)
        case "integer" | "real":
            return _number_problem(parameter, value)
        case _:
            return None


def _enum_problem(parameter: Parameter, value: str) -> str | None:
    choices = parameter.enumvals or ()
    if value.lower() in {choice.lower() for choice in choices}:
        return None
    return f"write {listed(choices, 20, 'or')}"


def _number_problem(parameter: Parameter, value: str) -> str | None:
    match = _NUMBER.fullmatch(value)
    if match is None:
        return f"write {_example(parameter)}"
    digits, unit = match.groups()
    number = _number(digits, whole=parameter.vartype == "integer")
    if number is None:
        return f"{digits} would be hexadecimal or octal; write {_example(parameter)}"
    if unit:
        found = _unit_problem(parameter, unit)
        if found:
            return found
        number = _converted(number, unit, parameter.unit or "")
    if parameter.vartype == "integer":
        number = _rounded(number)
    return _range_problem(parameter, number) or _rule_problem(parameter.name, number)


def _number(digits: str, *, whole: bool) -> float | None:
    """Read a number as strtol with base 0 or strtod does; None where PostgreSQL or Patroni does not."""
    bare = digits.lstrip("+-")
    if bare.startswith("0x"):
        if not whole:
            return None
        number = float(int(bare, 16))
    elif whole and len(bare) > 1 and bare[0] == "0" and bare.isdecimal():
        if not set(bare) <= set("01234567"):
            return None
        number = float(int(bare, 8))
    else:
        number = float(bare)
    return -number if digits.startswith("-") else number


def _unit_problem(parameter: Parameter, unit: str) -> str | None:
    if parameter.unit is None:
        return f"takes no unit; write {_example(parameter)}"
    units = _BASES[parameter.unit][0]
    if unit in units:
        return None
    folded = {name.lower(): name for name in units}
    if units is _BYTES:
        near = folded.get(unit.lower()) or folded.get(f"{unit.lower()}b") or folded.get(unit[:2].lower())
    else:
        near = _MISSPELT.get(unit.lower().rstrip("s")) or folded.get(unit.lower())
    return f"unit {shown(unit)} is not known; write {near or listed(list(units), joint='or')}"


def _converted(number: float, unit: str, base: str) -> float:
    """Give a number of `unit` in the base unit; a fraction is rounded to the next smaller unit first."""
    units, size = _BASES[base]
    number = number * units[unit] / size
    names = list(units)
    position = names.index(unit)
    if position:
        step = units[names[position - 1]] / size
        number = _rounded(number / step) * step
    return number


def _rounded(number: float) -> float:
    return number if math.isinf(number) else float(round(number))


def _range_problem(parameter: Parameter, number: float) -> str | None:
    least, most = parameter.minimum, parameter.maximum
    if number < least:
        return f"is below the minimum, {_readable(parameter, least)}"
    if number > most:
        return f"is above the maximum, {_readable(parameter, most)}"
    if parameter.vartype == "integer" and abs(number) > _LARGEST:
        return f"is out of range; write {_example(parameter)}"
    return None


def _rule_problem(name: str, number: float) -> str | None:
    """Apply the few rules beyond bounds (check_slru_buffers, check_max_stack_depth and their like)."""
    if name in _IN_SIXTEENS and number % 16:
        return "must be a multiple of 16"
    if name == "vacuum_buffer_usage_limit" and 0 < number < _LEAST_RING:
        return "write 0, or 128kB and more"
    if name == "max_stack_depth" and number > _STACK:
        return "is above the maximum, 7680kB, which a stack of 8MB leaves"
    return None


def _readable(parameter: Parameter, number: float) -> str:
    """Write a bound as the server tells it, and in a unit that people read."""
    plain = f"{number:.10g}"
    if parameter.unit is None:
        return plain
    units, size = _BASES[parameter.unit]
    total = number * size
    if number <= 0 or not math.isfinite(total):
        return f"{plain}{'' if parameter.unit[0].isdigit() else parameter.unit}"
    exact = f"{plain} x {parameter.unit}" if parameter.unit[0].isdigit() else f"{plain}{parameter.unit}"
    name = max((unit for unit in units if total >= units[unit]), key=lambda unit: units[unit], default="")
    if not name or name == parameter.unit:
        return exact
    amount = total / units[name]
    about = "" if amount == round(amount, 1) else "about "
    return f"{exact} ({about}{round(amount, 1):g}{name})"


def _example(parameter: Parameter) -> str:
    kind = "a whole number" if parameter.vartype == "integer" else "a number"
    if parameter.unit is None:
        most = f" to {_readable(parameter, parameter.maximum)}" if parameter.maximum < _HUGE else ""
        return f"{kind} from {_readable(parameter, parameter.minimum)}{most}"
    sample = "128MB" if _BASES[parameter.unit][0] is _BYTES else "30s"
    return f"{kind} with a unit, such as {sample}"
