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

    from schemas.postgresql.parameters.table import Parameter

_DIGITS = r"[+-]?(?:0x[0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
_NUMBER = re.compile(rf"[ \t]*({_DIGITS})[ \t]*(\S*)[ \t]*", re.ASCII)
_BOOLEANS: Final = frozenset({"on", "true", "yes", "1", "off", "false", "no", "0"})
_TRUE: Final = frozenset({"on", "true", "yes", "1"})
_OCTAL = re.compile(r"0[0-7]*(?P<rest>.*)", re.ASCII)
_NOT_ZERO = re.compile(r"[0.]*[1-9]", re.ASCII)
_SMALLEST: Final = 2.2250738585072014e-308
_LARGEST: Final = 2**31 - 1
_HUGE: Final = 1e300
_LEAST_RING: Final = 128
_STACK: Final = 7680
_SCRAM_ROUNDS: Final = 1_000_000
"""About half a second of a processor, for a new password and for each log-in."""
_LEAST_TIMEOUTS: Final = {
    "idle_session_timeout": 10_000,
    "transaction_timeout": 10_000,
    "wal_receiver_timeout": 1000,
    "wal_sender_timeout": 1000,
}
"""Milliseconds that the connections of standbys need, to which these apply. Neither a role's settings nor a
client's options keep the first two from a walsender (postinit.c): one applies before these are read, the
other to a physical walsender, for which a role's are not read. The last two end a connection on which nothing
came for so long; an idle one has a keepalive after half of it."""
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


def number(parameter: Parameter, value: str) -> float | None:
    """Return what a value means, in the parameter's unit; None for what is no number to PostgreSQL."""
    try:
        read = _read(parameter, value)
    except _UnreadableError:
        return None
    return read if math.isfinite(read) else None


def memory(parameter: Parameter, value: str) -> int | None:
    """Return the bytes that a value means; None for what is no amount of memory."""
    units, size = _BASES.get(parameter.unit or "", ({}, 0))
    read = number(parameter, value)
    if units is not _BYTES or read is None or not math.isfinite(read * size):
        return None
    return int(read * size)


def meaning(parameter: Parameter, value: str) -> object:
    """Return what a value means: two spellings that mean the same change nothing (compare_values)."""
    match parameter.vartype:
        case "bool":
            return value.lower() in _TRUE if value.lower() in _BOOLEANS else value
        case "enum":
            return value.lower()
        case "integer" | "real":
            read = number(parameter, value)
            return value if read is None else read
        case _:
            return value


def whole_number(value: str) -> int | None:
    """Read a value of a parameter that is a whole number without unit in every major version."""
    match = _NUMBER.fullmatch(value)
    read = _number(match[1], whole=True) if match and not match[2] else None
    return int(_rounded(read)) if read is not None and math.isfinite(read) else None


class _UnreadableError(ValueError):
    """A text that is no number to PostgreSQL, or not to Patroni; the message says what to write."""


def _number_problem(parameter: Parameter, value: str) -> str | None:
    try:
        read = _read(parameter, value)
    except _UnreadableError as error:
        return str(error)
    return _range_problem(parameter, read) or _rule_problem(parameter.name, read)


def _read(parameter: Parameter, value: str) -> float:
    match = _NUMBER.fullmatch(value)
    if match is None:
        raise _UnreadableError(f"write {_example(parameter)}")
    digits, unit = match.groups()
    read = _number(digits, whole=parameter.vartype == "integer")
    if read is None:
        raise _UnreadableError(f"{digits} would be hexadecimal or octal; write {_example(parameter)}")
    if unit:
        found = _unit_problem(parameter, unit)
        if found:
            raise _UnreadableError(found)
        read = _converted(read, unit, parameter.unit or "")
    return _rounded(read) if parameter.vartype == "integer" else read


def _number(digits: str, *, whole: bool) -> float | None:
    """Read a number as strtol with base 0, else strtod, does; None where PostgreSQL or Patroni does not.

    strtol decides by the digits before a fraction or exponent: it ends at the 9 of `09.5`, which is then no
    unit, while `010.5` goes on to strtod and is 10.5.
    """
    bare = digits.lstrip("+-")
    if bare.startswith("0x"):
        read = _based(bare, 16) if whole else None
    else:
        octal = _OCTAL.match(bare) if whole else None
        if octal and not octal["rest"]:
            read = _based(bare, 8)
        elif octal and octal["rest"][0].isdigit():
            return None
        else:
            read = float(bare)
        if abs(read) < _SMALLEST and _NOT_ZERO.match(bare):
            return None  # ERANGE, as for what is too large, which no bound allows
    return -read if read is not None and digits.startswith("-") else read


def _based(digits: str, base: int) -> float:
    try:
        return float(int(digits, base))
    except OverflowError:
        return math.inf


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
    least = _LEAST_TIMEOUTS.get(name, 0)
    if 0 < number < least:
        return f"write 0, or {least // 1000}s and more: it applies to the connections of standbys too"
    if name == "io_max_concurrency" and number == 0:
        return "write -1, or 1 and more"
    if name == "scram_iterations" and number > _SCRAM_ROUNDS:
        return f"is above {_SCRAM_ROUNDS}, with which each log-in takes a client half a second"
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
