"""The pages that list every field of the object: those of its spec, and those of its status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from deploy.documentation.tables import code, prose, table
from schemas.api.fields import Schema
from schemas.api.types import API_VERSION, KIND, SHORT_NAME
from schemas.crd.openapi import working_schema
from schemas.lint.files import default_policy
from schemas.policy import defaults
from schemas.rules.relations import RELATIONS

_SPEC: Final = """\
# Fields of spec

<!-- Generated from schemas/api by `make manifests`. -->

Of `{kind}`, `{version}`, short name `{short}`. `spec: {{}}` is valid: what has no default may be left
out, but for what is required within a part. A default that is marked *policy* is what the [policy]({policy})
says, as installed; admission writes it into the object. `kubectl explain {short}.spec --recursive` has the
same, and `kubectl pgdb lint` tries a file without a cluster. What becomes of each field is in
[What becomes of a spec](../children.md).

"""
_POLICY: Final = "../how-to/upgrade.md#change-the-policy-other-versions-bounds-and-defaults"
_STATUS: Final = """\
# Fields of status

<!-- Generated from schemas/api by `make manifests`. -->

Written by the controller, for people, scripts and `kubectl wait`. `observedGeneration` moves only when that
generation of the spec was fully processed.
The conditions' reasons have a [page of their own](reasons.md).

"""
_RELATIONS: Final = """
## Relations between fields

The API server itself holds these, with no admission server running. A message begins with what was given.

"""
_OF_KUBERNETES: Final = frozenset(
    {
        "network.clients",
        "monitoring.clients",
        *(
            f"template.{each}"
            for each in (
                *("tolerations", "affinity", "topologySpreadConstraints"),
                *("env", "volumes", "volumeMounts", "sidecars"),
            )
        ),
    }
)
"""Fields whose own fields are those of a NetworkPolicy or a pod, and are known from there."""
_HEADS: Final = ("field", "type", "default", "limits", "meaning")
_OF_STATUS: Final = ("field", "type", "meaning")
_MOST: Final = 2**31 - 1
"""From here on a limit is the type's, and no news."""


def spec() -> str:
    """Return the page about the spec."""
    schema = working_schema()["properties"]["spec"]
    relations = table(
        "field",
        "refused",
        rows=(
            (code(f"{each.at}{each.child}".removeprefix(".")), prose(_message(each.message)))
            for each in RELATIONS
        ),
    )
    head = _SPEC.format(kind=KIND, version=API_VERSION, short=SHORT_NAME, policy=_POLICY)
    return head + "\n".join(_sections("spec", schema, _chosen())) + _RELATIONS + relations


def _message(text: str) -> str:
    return text.replace("{self}", "GIVEN").replace("{oldSelf}", "STORED")


def status() -> str:
    """Return the page about the status."""
    schema = working_schema()["properties"]["status"]
    return _STATUS + "\n".join(_sections("status", schema, {}, _OF_STATUS))


def _chosen() -> dict[str, Any]:
    """Return the defaults that are not the CRD's own, less those that differ from database to database."""
    one, other = (
        defaults.completed({"metadata": {"name": name}, "spec": {}}, default_policy())["spec"]
        for name in ("one", "other")
    )
    return {field: value for field, value in one.items() if other[field] == value}


def _sections(
    name: str, schema: Schema, chosen: dict[str, Any], heads: tuple[str, ...] = _HEADS
) -> Iterator[str]:
    """Give the table of the fields right below, and one for each of these that has fields of its own."""
    below = schema["properties"]
    rows = (
        _row(
            f"[{code(field)}](#{name}{field.lower()})" if _has_more(each) else code(field),
            each,
            chosen.get(field),
        )
        for field, each in below.items()
    )
    yield table(*heads, rows=_columns(rows, heads))
    for field, each in below.items():
        if _has_more(each):
            yield f"## {name}.{field}\n"
            yield f"{prose(each.get('description', ''))}\n"
            yield table(*heads, rows=_columns(_rows("", field, each, chosen.get(field)), heads))


def _columns(rows: Iterable[tuple[str, ...]], heads: tuple[str, ...]) -> Iterator[list[str]]:
    for row in rows:
        yield [cell for head, cell in zip(_HEADS, row, strict=True) if head in heads]


def _rows(shown: str, path: str, schema: Schema, chosen: object) -> Iterator[tuple[str, ...]]:
    """Give the rows of the fields below a path, which in the table begin with `shown`."""
    inner = schema.get("items", schema)
    for field, each in inner.get("properties", {}).items():
        value = chosen.get(field) if isinstance(chosen, dict) else None
        here = f"{path}.{field}"
        cut = here in _OF_KUBERNETES
        row = _row(code(f"{shown}{field}"), each, value, required=field in inner.get("required", ()))
        more = f" Fields: `kubectl explain {SHORT_NAME}.spec.{here} --recursive`." if cut else ""
        yield (*row[:-1], row[-1] + more)
        if not cut:
            yield from _rows(f"{shown}{field}{'[]' if 'items' in each else ''}.", here, each, value)


def _row(shown: str, schema: Schema, chosen: object, *, required: bool = False) -> tuple[str, ...]:
    words = prose(schema.get("description", ""))
    default = "required" if required else _default(schema, chosen)
    return shown, _type(schema), default, _limits(schema), words


def _has_more(schema: Schema) -> bool:
    return "properties" in schema.get("items", schema)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    if "items" in schema:
        inner = schema["items"]
        of = " of objects" if "properties" in inner else "" if "type" not in inner else f" of {_type(inner)}"
        return f"list{of}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"names to {_type(values)}"
    kinds = schema.get("type", "name or object")
    return " or ".join(kinds) if isinstance(kinds, list) else str(schema.get("format", "")) or str(kinds)


def _default(schema: Schema, chosen: object) -> str:
    if (fixed := schema.get("default")) not in (None, {}):
        return code(_written(fixed))
    if isinstance(chosen, dict) and "properties" not in schema:
        return ", ".join(code(f"{name}: {value}") for name, value in chosen.items())
    return "" if chosen is None or isinstance(chosen, dict) else f"{code(_written(chosen))} *policy*"


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _limits(schema: Schema) -> str:
    """Say in words what a value must be, beside its type."""
    inner = schema.get("items") or schema.get("additionalProperties")
    told = [schema["title"]] if "title" in schema else list(_bounds(schema))
    if isinstance(inner, dict) and "properties" not in inner:
        told += [f"each: {each}" for each in ([inner["title"]] if "title" in inner else _bounds(inner))]
    return prose("; ".join(told))


def _bounds(schema: Schema) -> Iterator[str]:
    for least, most, of in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
    ):
        low, high = schema.get(least), schema.get(most)
        small = low is not None and low > -_MOST
        large = high is not None and high < _MOST
        if small and large:
            yield f"{low} to {high}{of}"
        elif small:
            yield f"at least {low}{of}"
        elif large:
            yield f"at most {high}{of}"
