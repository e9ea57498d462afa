"""The structure of an object: every mistake at once, and the valid rest of it for the rules.

Typed decoding finds only the first mistake, so this slower pass runs when it has found one. It reads
the schema that the CRD is made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from schemas.api import expectation
from schemas.api.mistakes import mistakes
from schemas.api.types import PostgreSQLDatabase, decode
from schemas.crd import openapi
from schemas.extent import MOST_VIOLATIONS
from schemas.rules import version
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.api.fields import Schema
    from schemas.api.mistakes import Mistake, Place
    from schemas.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong with a structure, and its typed form less what is wrong, if any is left."""

    violations: tuple[Violation, ...]
    sound: PostgreSQLDatabase | None
    stored: PostgreSQLDatabase | None
    patched: frozenset[str] = frozenset()
    """Paths of items in lists that have lost a wrong part: its fellow parts may seem wrong without it."""
    lacking: frozenset[str] = frozenset()
    """Paths of all that has lost a wrong part: it may seem to lack that."""


def examine(new: Mapping[str, Any], old: Mapping[str, Any] | None, policy: Policy) -> Examined:
    """Name every structural mistake of an object that is not in the stored one as well."""
    schema = openapi.working_schema()
    given = _without_nulls(new, schema)
    found: list[Mistake] = []
    fresh: list[Violation] = []
    for mistake in mistakes(given, _narrowed(schema, policy)):
        found.append(mistake)
        if old is None or _at(given, mistake.place) != _at(old, mistake.place):
            fresh.append(mistake.violation)
        if len(fresh) > MOST_VIOLATIONS:
            return Examined(tuple(fresh), None, None)
    try:
        sound = decode(_mended(given, found, schema))
    except msgspec.ValidationError as error:
        return Examined((*fresh, _from_decoder(error)), None, None)
    holders = (mistake.place if mistake.missing else mistake.place[:-1] for mistake in found)
    patched = frozenset(field_path(*place) for place in holders if any(isinstance(p, int) for p in place))
    lacking = frozenset(field_path(*mistake.place[:-1]) for mistake in found if not mistake.missing)
    before = _sound(old, schema) if old is not None else None
    return Examined(tuple(fresh), sound, before, patched, lacking)


def unknown_fields(manifest: Mapping[str, Any]) -> tuple[Violation, ...]:
    """Name the fields that the API server would drop, as it does under strict validation."""
    return tuple(_unknown(manifest, openapi.working_schema(), ""))


def _narrowed(schema: Schema, policy: Policy) -> Schema:
    """Word the bounds that the policy draws within the schema's, so that each mistake needs one try."""
    properties = schema["properties"]["spec"]["properties"]
    bounds = {"minimum": policy.replicas.minimum, "maximum": policy.replicas.maximum}
    spec = {
        **properties,
        "replicas": {**properties["replicas"], **bounds},
        "version": {**properties["version"], "title": version.allowed("", policy)},
    }
    narrowed = {**schema["properties"], "spec": {**schema["properties"]["spec"], "properties": spec}}
    return {**schema, "properties": narrowed}


def _from_decoder(error: msgspec.ValidationError) -> Violation:
    """Word what only the typed decoder found, which says `Expected X, got Y - at `$.path``."""
    problem, _, place = str(error).partition(" - at `$.")
    return Violation(place.rstrip("`") or "object", problem.replace("`", "").lower())


def _unknown(value: object, schema: Schema, path: str) -> Iterator[Violation]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, schema.get("items", {}), f"{path}[{index}]")
    properties = schema.get("properties")
    if not isinstance(value, dict) or properties is None or path == "metadata":
        return
    for name, child in value.items():
        below = field_path(path, name)
        if name in properties:
            yield from _unknown(child, properties[name], below)
        else:
            yield got(below, child, expectation.unknown_field(name, properties))


def _child(schema: Schema, name: str) -> Schema:
    found = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
    return found if isinstance(found, dict) else {}


def _without_nulls(value: Any, schema: Schema) -> Any:  # noqa: ANN401
    """Drop the nulls of described fields, as the API server does when it fills static defaults."""
    if isinstance(value, list):
        return [_without_nulls(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    described = {name: _child(schema, name) for name in value}
    return {
        name: _without_nulls(child, described[name])
        for name, child in value.items()
        if child is not None or not described[name]
    }


def _mended(manifest: dict[str, Any], found: list[Mistake], schema: Schema) -> dict[str, Any]:
    """Take out what is wrong; what must be there gets a stand-in, so that all else can be typed."""
    rest = msgspec.json.decode(msgspec.json.encode(manifest))
    for mistake in sorted(found, key=lambda mistake: len(mistake.place), reverse=True):
        *parents, last = (*mistake.place, mistake.missing) if mistake.missing else mistake.place
        target = rest
        for parent in parents:
            target = target[parent]
        # Items of lists keep their index.
        if isinstance(target, list) or last in _below(schema, tuple(parents)).get("required", ()):
            target[cast("Any", last)] = _stand_in(_below(schema, (*parents, last)))
        else:
            target.pop(last, None)
    return cast("dict[str, Any]", rest)


def _stand_in(schema: Schema) -> object:
    """Return some value that the schema allows."""
    if "enum" in schema:
        return cast("object", schema["enum"][0])
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            return {name: _stand_in(parts[name]) for name in schema.get("required", ())}
        case "array":
            return []
        case "integer":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return "x" * schema.get("minLength", "pattern" in schema)


def _below(schema: Schema, place: Place) -> Schema:
    for part in place:
        schema = schema.get("items", {}) if isinstance(part, int) else _child(schema, part)
    return schema


def _at(document: Any, place: Place) -> object:  # noqa: ANN401
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return cast("object", document)


def _sound(manifest: Mapping[str, Any], schema: Schema) -> PostgreSQLDatabase | None:
    given = _without_nulls(manifest, schema)
    try:
        return decode(_mended(given, list(mistakes(given, schema)), schema))
    except msgspec.ValidationError:
        return None
