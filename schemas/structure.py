"""The structure of an object: every mistake at once, and the valid rest of it for the rules.

Typed decoding finds only the first mistake, so this slower pass runs when it has found one. It reads
the schema that the CRD is made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from schemas import expectation, openapi
from schemas.mistakes import mistakes
from schemas.rules import version
from schemas.types import PostgreSQLDatabase, decode
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.fields import Schema
    from schemas.mistakes import Place
    from schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong with a structure, and its typed form less what is wrong, if any is left."""

    violations: tuple[Violation, ...]
    sound: PostgreSQLDatabase | None
    stored: PostgreSQLDatabase | None


def examine(new: Mapping[str, Any], old: Mapping[str, Any] | None, policy: Policy) -> Examined:
    """Name every structural mistake of an object that is not in the stored one as well."""
    schema = openapi.working_schema()
    given = _without_nulls(new, schema)
    found = mistakes(given, _narrowed(schema, policy))
    fresh = [violation for place, violation in found if old is None or _at(given, place) != _at(old, place)]
    try:
        sound = decode(_without(given, [place for place, _ in found], schema))
    except msgspec.ValidationError as error:
        return Examined((*fresh, _from_decoder(error)), None, None)
    return Examined(tuple(fresh), sound, _sound(old, schema) if old is not None else None)


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


def _without(manifest: dict[str, Any], places: list[Place], schema: Schema) -> dict[str, Any]:
    """Take out what is wrong; items of lists are emptied instead, so that the others keep their index."""
    rest = msgspec.json.decode(msgspec.json.encode(manifest))
    for place in sorted(places, key=len, reverse=True):
        *parents, last = place
        target = rest
        for parent in parents:
            target = target[parent]
        if isinstance(target, list):
            target[cast("int", last)] = {} if _below(schema, place).get("type") == "object" else ""
        else:
            target.pop(last, None)
    return cast("dict[str, Any]", rest)


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
        return decode(_without(given, [place for place, _ in mistakes(given, schema)], schema))
    except msgspec.ValidationError:
        return None
