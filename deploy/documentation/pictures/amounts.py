"""Numbers as the axes of a board have them."""

from __future__ import annotations

import math
from typing import Final

from deploy.generate.monitoring.panel import Unit

_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL: Final = ("", "K", "M", "G", "T")
_TIMES: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))
_SECOND: Final = (1.0, "s")
_SMALL: Final = 10
_NEARLY: Final = 1 - 1e-9
"""So that no axis grows by a rounding error."""
_RATES: Final = {"Bps": "/s", "ops": "/s", "reqps": "/s"}


def written(value: float, unit: Unit) -> str:
    """Write a value of a panel."""
    size, name = _measure(value, unit)
    return f"{_short(value / size)} {name}".rstrip() + _RATES.get(unit, "")


def ceiling(value: float, unit: Unit) -> float:
    """Return the round number that an axis ends at: 1, 2 or 5 times a power of ten of what it is told in."""
    if value <= 0:
        return 1.0
    size, _ = _measure(value, unit)
    power = 10.0 ** math.floor(math.log10(value / size))
    return size * next(power * step for step in (1, 2, 5, 10) if power * step >= value / size * _NEARLY)


def _measure(value: float, unit: Unit) -> tuple[float, str]:
    """Return the size and the name of what a value is told in."""
    match unit:
        case "percentunit":
            return 0.01, "%"
        case "s":
            return next((each for each in _TIMES if abs(value) >= each[0]), _TIMES[-1]) if value else _SECOND
        case "bytes" | "Bps":
            return _scaled(value, 1024, _BINARY)
        case "short" | "ops" | "reqps":
            return _scaled(value, 1000, _DECIMAL)


def _scaled(value: float, step: int, names: tuple[str, ...]) -> tuple[float, str]:
    place = 0
    while abs(value) >= float(step) ** (place + 1) and place < len(names) - 1:
        place += 1
    return float(step) ** place, names[place]


def _short(value: float) -> str:
    if abs(value) >= _SMALL:
        return f"{value:.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
