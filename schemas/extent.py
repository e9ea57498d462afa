"""How large an object may be: bounds on the work of judging it, and on what its children can hold.

Admission answers everybody else meanwhile, so no object may be much work: what is too large is named by
itself, and left out of what the rules see. The bound on the whole is Kubernetes' own, on annotations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from schemas.api import expectation
from schemas.crd import openapi
from schemas.verdict import LONGEST_VALUE, Violation, field_path, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.api.fields import Schema

MOST_VIOLATIONS: Final = 100
"""Mistakes that are looked for in one object: enough for every person."""
MOST_VALUES: Final = 5000
"""Values in one field of the spec, names of fields not counted: some 260 roles with four grants each."""
MOST_ENTRIES: Final = 1024
"""Entries of a list or mapping for which the schema has no bound."""
DEEPEST: Final = 32
"""Levels of lists and mappings: three times as many as the deepest of a pod has."""
ANNOTATIONS: Final = 256 * 1024
"""Bytes that the annotations of one object have at most (Kubernetes, TotalAnnotationSizeLimitB)."""
LARGEST_SPEC: Final = 192 * 1024
"""Bytes of a spec as JSON. The controller keeps it in an annotation of the StatefulSet, and Patroni has its
parameters and hba lines in one of NAME-config; what else is in those has the other quarter."""

Place = tuple[str, ...]


_PARTS: Final = ("spec", "status")
_ENCODER: Final = msgspec.json.Encoder()
_LEFT_OUT: Final = object()


@dataclass(frozen=True, slots=True)
class Bounded:
    """An object without what is too large in it, and what that is."""

    manifest: Mapping[str, Any]
    violations: tuple[Violation, ...] = ()


def bounded(manifest: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> Bounded:
    """Leave out what is too large; it is a mistake unless the stored object has the same."""
    metadata = _metadata(manifest.get("metadata"))
    parts = [manifest.get(part) for part in _PARTS]
    if metadata is manifest.get("metadata") and all(_small(part) or _fits(part) for part in parts):
        return Bounded(manifest)
    pruning = _Pruning(old or {})
    rest = {key: value for key, value in manifest.items() if key not in _PARTS} | {"metadata": metadata}
    for part in _PARTS:
        if part in manifest:
            rest[part] = pruning.part(manifest[part], openapi.working_schema()["properties"][part], part)
    return Bounded(rest, tuple(pruning.found))


def _metadata(given: object) -> object:
    """Leave out of the metadata what is large: it is the API server's to judge."""
    if not isinstance(given, dict):
        return given
    large = [
        key for key, value in given.items() if isinstance(value, dict | list) and len(value) > MOST_ENTRIES
    ]
    return {key: value for key, value in given.items() if key not in large} if large else given


def size(spec: object) -> int:
    """Return the bytes of a spec in the annotation that keeps it."""
    return len(json.dumps(spec, sort_keys=True, separators=(",", ":")))


def _small(root: object) -> bool:
    """Whether a value as JSON has too few brackets and commas to pass a bound: nearly every object does."""
    if root is None:
        return True
    try:
        text = _ENCODER.encode(root)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False  # what JSON cannot say, and what is too deep
    # `size` escapes characters, which makes no byte of this more than six.
    return (
        text.count(b"[") + text.count(b"{") <= DEEPEST
        and text.count(b",") < MOST_ENTRIES
        and len(text) * 6 <= LARGEST_SPEC
    )


def _fits(root: object) -> bool:
    """Whether a value is within all bounds."""
    values, text = 0, 0
    ahead: list[tuple[object, int]] = [(root, 0)]
    while ahead:
        value, depth = ahead.pop()
        values += 1
        if isinstance(value, str):
            text += len(value)
        elif isinstance(value, dict | list):
            if len(value) > MOST_ENTRIES or depth >= DEEPEST or values > MOST_VALUES:
                return False
            if isinstance(value, dict):
                text += sum(map(len, value))
            children = value.values() if isinstance(value, dict) else value
            ahead.extend((child, depth + 1) for child in children)
    # In JSON a character has twelve bytes at most, and what is beside text is in MOST_VALUES.
    return text * 12 + values * 32 <= LARGEST_SPEC or size(root) <= LARGEST_SPEC


@dataclass(slots=True)
class _Pruning:
    """One walk through an object that does not fit."""

    old: Mapping[str, Any]
    found: list[Violation] = field(default_factory=list)
    left: int = MOST_VALUES
    """How many values the field that is walked through may still have."""

    def part(self, value: object, schema: Schema, name: str) -> object:
        """Return the spec or the status without what is too large in it."""
        if not isinstance(value, dict):
            return value[:1] if isinstance(value, str | list) else value
        kept = {}
        # Unknown fields pass by, as they do where the API server drops them.
        for key in schema["properties"].keys() & value.keys():
            self.left = MOST_VALUES
            child = self._kept(value[key], schema["properties"][key], (name, key))
            if child is not _LEFT_OUT:
                kept[key] = child
        return self._whole(kept, name)

    def _kept(self, value: object, schema: Schema, place: Place) -> object:
        """Return a value without what is too large in it, or _LEFT_OUT if it is itself."""
        expected = _excess(value, schema)
        rest = value
        if not expected and isinstance(value, dict) and len(place) <= DEEPEST:
            described, others = schema.get("properties", {}), _entries(schema)
            entries = (
                (key, self._kept(child, described.get(key, others), (*place, key)))
                for key, child in value.items()
                if self.left > 0
            )
            rest = {key: child for key, child in entries if child is not _LEFT_OUT}
        elif not expected:
            expected, values = _beneath(value, len(place), self.left)
            self.left -= values
        if not expected:
            return rest
        if not alike(_at(self.old, place), value):
            self.found.append(Violation(field_path(*place), f"got {_told(value)}; {expected}"))
        return _LEFT_OUT

    def _whole(self, kept: dict[str, Any], name: str) -> dict[str, Any]:
        """Leave out the largest fields of what is too large as a whole."""
        sizes = {key: size(value) for key, value in kept.items()}
        total = size(kept)
        if total <= LARGEST_SPEC:
            return kept
        largest = sorted(sizes, key=lambda key: -sizes[key])
        if total > _stored_size(self.old.get(name)):
            parts = listed([f"{key} {sizes[key]:,}" for key in largest], most=4)
            allowed = f"must be at most {LARGEST_SPEC:,}, for annotations of Kubernetes hold {ANNOTATIONS:,}"
            self.found.append(Violation(name, f"got {total:,} bytes as JSON ({parts}); {allowed}"))
        for key in largest:
            if total > LARGEST_SPEC:
                del kept[key]
                total -= sizes[key]
        return kept


def alike(one: object, other: object) -> bool:
    """Whether two values are equal; no for those that are too deep to compare, which are refused anyway."""
    try:
        return one == other
    except RecursionError:
        return False


def _stored_size(spec: object) -> int:
    try:
        return size(spec)
    except RecursionError:
        return 0


def _entries(schema: Schema) -> Schema:
    found = schema.get("additionalProperties")
    return found if isinstance(found, dict) else {}


def _excess(value: object, schema: Schema) -> str:
    """Say what the schema, or else a bound of ours, allows at most; nothing for a value within it."""
    if isinstance(value, str):
        kind, most = "maxLength", LARGEST_SPEC
    elif isinstance(value, dict | list):
        kind, most = ("maxProperties" if isinstance(value, dict) else "maxItems"), MOST_ENTRIES
    else:
        return ""
    bound = min(cast("int", schema.get(kind, most)), most)
    if len(value) <= bound:
        return ""
    if kind in schema or not isinstance(value, expectation.classes(schema)):
        return expectation.expected(schema, value)
    return f"must have at most {bound} {'characters' if isinstance(value, str) else 'entries'}"


def _beneath(root: object, depth: int, most: int) -> tuple[str, int]:
    """Count the values of a value; say so where they, or their levels, are too many."""
    values = 0
    ahead: list[tuple[object, int]] = [(root, depth)]
    while ahead:
        value, depth = ahead.pop()
        values += 1
        if values > most:
            return _too_many(), values
        if not isinstance(value, dict | list):
            continue
        if depth > DEEPEST:
            return f"must be at most {DEEPEST} levels deep", values
        if values + len(value) > most:
            return _too_many(), most
        children = value.values() if isinstance(value, dict) else value
        ahead.extend((child, depth + 1) for child in children)
    return "", values


def _too_many() -> str:
    kinds = "lists, mappings, texts and numbers"
    return f"must hold at most {MOST_VALUES:,} values ({kinds}) together with all beside it"


def _told(value: object) -> str:
    """Say how large a value is: to write it out would be as much work as it is large."""
    if isinstance(value, str):
        return f"{len(value):,} characters"
    if not isinstance(value, dict | list):
        return str(value)[:LONGEST_VALUE]
    return f"{len(value):,} {'names' if isinstance(value, dict) else 'items'}"


def _at(document: object, place: Place) -> object:
    for part in place:
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document
