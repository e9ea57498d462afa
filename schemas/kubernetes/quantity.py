"""Amounts as Kubernetes writes them: `10Gi`, `500m`, `1.5`, `2e9`.

The grammar is that of resource.Quantity in k8s.io/apimachinery, less what it takes for zero by
accident (`+`, `-`, `.`) and what it silently caps (more than 2^63-1).
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal
from typing import Final

_FACTORS: Final[dict[str, Decimal]] = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** power for suffix, power in (("n", -9), ("u", -6), ("m", -3), ("k", 3))},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("MGTPE", start=2)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_SHAPE = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+)|([A-Za-z]*))", re.ASCII)
_MOST = Decimal(2**63 - 1)
_LEAST_STEP = Decimal("1E-9")
_LONGEST_EXPONENT = 4
_EXAMPLE = "write a number with a suffix, such as 10Gi, 500M or 1.5"


class QuantityError(ValueError):
    """The text is not a quantity; the message says what would be right."""


def parse(text: str | int) -> Decimal:
    """Give the amount, rounded away from zero to a billionth as Kubernetes rounds it.

    Raises QuantityError. Equal amounts are equal however they are written: 1Gi is 1024Mi.
    """
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise QuantityError(f"is not a quantity; {_EXAMPLE}")
    text = str(text)
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise QuantityError(_misshapen(text))
    sign, number, exponent, suffix = match.groups()
    if suffix and suffix not in _FACTORS:
        raise QuantityError(_unknown_suffix(suffix))
    amount = _scaled(Decimal(number), exponent, suffix)
    return -amount if sign == "-" else amount


def _scaled(number: Decimal, exponent: str | None, suffix: str | None) -> Decimal:
    if not number:
        return Decimal(0)
    if exponent and len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT:
        raise QuantityError(f"exponent {exponent} is out of range; {_EXAMPLE}")
    amount = number.scaleb(int(exponent)) if exponent else number * _FACTORS[suffix or ""]
    if amount > _MOST:
        raise QuantityError("is more than 2^63-1, the most that Kubernetes counts to")
    return amount.quantize(_LEAST_STEP, rounding=ROUND_UP).normalize()


def _misshapen(text: str) -> str:
    if not text:
        return f"is empty; {_EXAMPLE}"
    if text.strip() != text or " " in text:
        return f"must not contain white space; {_EXAMPLE}"
    if "," in text:
        return f"takes a dot as its decimal point, no comma; {_EXAMPLE}"
    return f"is not a quantity; {_EXAMPLE}"


def _unknown_suffix(suffix: str) -> str:
    letter = suffix[0].upper()
    if letter in "KMGTPE" and suffix[1:].lower() in {"", "b", "i", "ib"}:
        thousand = "k" if letter == "K" else letter
        return f'suffix "{suffix}" is not known; write {letter}i for powers of 1024 or {thousand} for 1000'
    return (
        f'suffix "{suffix}" is not known; use Ki Mi Gi Ti Pi Ei (powers of 1024), n u m k M G T P E, or none'
    )
