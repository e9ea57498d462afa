"""Reports every structural mistake of a document at once, by its JSON Schema.

This is slow to import and to run, compared with typed decoding, which finds only the first mistake. So it is
used only for documents that decoding has refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec
from jsonschema import Draft202012Validator, validators

from schemas.api import expectation
from schemas.api.fields import QUANTITY_TITLE
from schemas.kubernetes import amounts
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

    from schemas.api.fields import Schema

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the value at a place; `missing` names the part that it lacks, if that is it."""

    place: Place
    violation: Violation
    missing: str = ""


# A number with a fraction of zero passes JSON Schema as an integer, and would not pass the typed decoder.
_CHECKER = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)
_Validator = validators.extend(Draft202012Validator, type_checker=_CHECKER)  # type: ignore[no-untyped-call]


def document_violations(document: object, struct: type[msgspec.Struct]) -> tuple[Violation, ...]:
    """Name every structural mistake of another document, by the type that it should have."""
    return tuple(mistake.violation for mistake in mistakes(document, msgspec.json.schema(struct)))


def mistakes(document: object, schema: Schema) -> Iterator[Mistake]:
    """Name every mistake and its place in the document, as they are found: some readers stop at a number."""
    found = set()
    for error in _validator(schema).iter_errors(document):
        for mistake in _mistakes(error):
            # Two mistakes in one value are one to the reader: the first names what it must be.
            if mistake.violation.path not in found:
                found.add(mistake.violation.path)
                yield mistake


def _validator(schema: Schema) -> Any:  # noqa: ANN401  jsonschema's classes are made at run time
    return _Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _mistakes(error: ValidationError) -> Iterator[Mistake]:
    place = tuple(error.absolute_path)
    schema, value = cast("Schema", error.schema), cast("Any", error.instance)
    if error.validator == "required":
        for name in schema["required"]:
            if name not in value:
                wanted = expectation.expected(schema["properties"].get(name, {}), None)
                yield Mistake(place, Violation(field_path(*place, name), f"got nothing; {wanted}"), name)
    elif error.validator == "additionalProperties":
        for name in value.keys() - schema["properties"].keys():
            expected = expectation.unknown_field(name, schema["properties"])
            yield Mistake((*place, name), got(field_path(*place, name), value[name], expected))
    else:
        yield Mistake(place, got(field_path(*place), value, _wanted(schema, value)))


def _wanted(schema: Schema, value: object) -> str:
    if schema.get("title") == QUANTITY_TITLE and isinstance(value, str):
        return amounts.problem(value) or expectation.expected(schema, value)
    return expectation.expected(schema, value)
