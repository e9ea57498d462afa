"""The page that Prometheus reads (Exposition formats, text 0.0.4)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from controller.desired.exporter.metric import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_INTEGER: Final = re.compile(r"-?[0-9]+")
_WORDS: Final = {"t": "1", "f": "0", "true": "1", "false": "0"}


def number(text: str | None) -> str | None:
    """Return what a server says as Prometheus reads it; None of nothing, raises ValueError of a word."""
    if text is None:
        return None
    text = _WORDS.get(text, text)
    if _INTEGER.fullmatch(text):
        return text
    value = float(text)
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf" if math.isinf(value) else text


class Page:
    """Collects samples; those of one name stand together, whoever they come from."""

    def __init__(self) -> None:
        self._samples: dict[str, tuple[Metric, dict[tuple[str, ...], str]]] = {}

    def add(self, metric: Metric, value: float | str | None, labels: tuple[str, ...] = ()) -> None:
        """Add a sample, unless there is no value; raises ValueError of one that is there."""
        if value is None:
            return
        _, found = self._samples.setdefault(metric.name, (metric, {}))
        if labels in found:
            given = dict(zip(metric.labels, labels, strict=True))
            raise ValueError(f"two rows have the same labels: {given}")
        found[labels] = value if isinstance(value, str) else repr(value)

    def merge(self, other: Page) -> None:
        """Add all of another page; names that are on both stay as they are here."""
        self._samples = other._samples | self._samples

    def text(self) -> bytes:
        """Write it."""
        lines = []
        for metric, samples in self._samples.values():
            meaning = metric.help.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {metric.name} {meaning}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [
                f"{metric.name}{_labels(dict(zip(metric.labels, labels, strict=True)))} {value}"
                for labels, value in samples.items()
            ]
        return "\n".join([*lines, ""]).encode()


def _labels(given: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in given.items())
    return f"{{{inside}}}" if inside else ""
