"""Says what a value must be, from the JSON Schema that it violates."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from schemas.verdict import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.api.fields import Schema

KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "object": "a mapping of names to values",
    "string": "a string",
}
CLASSES = {"array": list, "boolean": bool, "integer": int, "null": type(None), "object": dict, "string": str}
SCALARS = (bool, int, float)
"""Types that YAML makes of a word without quotes."""
MANY = 2147483647
"""The maximum of int32, which is not worth mentioning."""


def expected(schema: Schema, value: object) -> str:
    """Say what a value must be; where only its quotes are wrong, say so."""
    if "anyOf" in schema:
        return expected(next(kind for kind in schema["anyOf"] if kind.get("type") != "null"), value)
    kind = schema.get("type", "string")
    if isinstance(kind, list) or (kind == "string" and "title" in schema):
        words = f"be {schema['title']}"
    elif "enum" in schema:
        words = f"be {listed([str(word) for word in schema['enum']], joint='or')}"
    elif schema.get("format") == "date":
        words = "be a date, such as 2029-11-08"
    else:
        words = _measured(kind, _extent(schema), value)
    return f"must {words}{_quotes(kind, words, value)}"


def _measured(kind: str, extent: str, value: object) -> str:
    if extent and type(value) is CLASSES[kind]:
        return f"{'be' if kind == 'integer' else 'have'} {extent}"
    if kind == "string" and isinstance(value, SCALARS):
        return "be a string"
    if kind != "integer":
        extent = extent.removeprefix("from ")
    joint = " " if extent.startswith("from") or not extent else " of "
    return f"be {KINDS[kind]}{joint}{extent}".rstrip()


def classes(schema: Schema) -> tuple[type, ...]:
    """Return the classes that a value may have; any where the schema does not say."""
    kinds = schema.get("type", [])
    return tuple(CLASSES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)) or (object,)


def unknown_field(name: str, known: Iterable[str]) -> str:
    """Say that a field is unknown, and suggest a similar one."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"is not a known field; did you mean {near[0]}?" if near else "is not a known field; leave it out"


def _extent(schema: Schema) -> str:
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " character"),
        ("minItems", "maxItems", " item"),
        ("minProperties", "maxProperties", " name"),
    ):
        low, high = schema.get(least), schema.get(most)
        if low is not None or high not in (None, MANY):
            high = None if high == MANY else high
            return f"{_span(low, high)}{unit}{'s' if unit and (high or low) != 1 else ''}"
    return ""


def _span(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"at least {low}" if high is None else f"at most {high}"


def _quotes(kind: str | list[str], words: str, value: Any) -> str:  # noqa: ANN401
    if kind == "string" and isinstance(value, SCALARS) and "quotes" not in words:
        return ": put it in quotes"
    if kind in ("integer", "boolean") and isinstance(value, str):
        return ", without quotes"
    return ""
