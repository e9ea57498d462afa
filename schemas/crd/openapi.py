"""The structural schema that Kubernetes asks of a CRD, made from the typed structures."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import msgspec
from msgspec import NODEFAULT

from schemas.api import (
    access,
    backup,
    containers,
    fields,
    monitoring,
    network,
    pod,
    services,
    template,
    types,
)
from schemas.api.fields import Schema
from schemas.api.types import PostgreSQLDatabase
from schemas.rules import relations

NOT_THE_USERS = frozenset(
    {"BackupError", "Backups", "Condition", "DatabaseStatus", "Metadata", "RoleStatus", "Status"}
)
"""Nobody writes these by hand, so that defaults in them would only be noise."""
_STRUCTS: dict[str, type[msgspec.Struct]] = {
    name: each
    for module in (access, backup, containers, fields, monitoring, network, pod, services, template, types)
    for name, each in vars(module).items()
    if isinstance(each, type) and issubclass(each, msgspec.Struct)
}


@cache
def working_schema() -> Schema:
    """Give the schema as jsonschema reads it, with the titles that errors are worded by."""
    found = _inlined(PostgreSQLDatabase, msgspec.json.schema(PostgreSQLDatabase)["$defs"], path="")
    properties = found["properties"]
    found["x-kubernetes-validations"] = relations.at("")
    properties["apiVersion"] = {"type": "string", "description": "Group and version of the API."}
    properties["kind"] = {"type": "string", "description": "Kind of the object."}
    name = properties["metadata"]["properties"]["name"]
    properties["metadata"] = {"type": "object", "properties": {"name": name}}
    return found


def structural_schema() -> Schema:
    """Give the schema as the API server takes it."""
    return _published(deepcopy(working_schema()))


def _inlined(struct: type[msgspec.Struct], definitions: dict[str, Schema], path: str) -> Schema:
    # A copy, for one that is used twice would make YAML write an anchor.
    definition = deepcopy(definitions[struct.__name__])
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    properties = {}
    for name, given in definition["properties"].items():
        below = f"{path}.{name}" if path else name
        schema = _resolved(given, definitions, below)
        default = _default(fields[name], schema)
        schema.pop("default", None)
        if default is not None and struct.__name__ not in NOT_THE_USERS:
            schema["default"] = default
        validations = relations.at(below)
        if validations:
            schema["x-kubernetes-validations"] = validations
        properties[name] = schema
    found: Schema = {"type": "object", "description": definition["description"], "properties": properties}
    if definition["required"]:
        found["required"] = list(definition["required"])
    return found


def _resolved(given: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    if "$ref" in given:
        found = _inlined(_STRUCTS[given["$ref"].rpartition("/")[2]], definitions, path)
        return {**found, **{key: value for key, value in given.items() if key != "$ref"}}
    if "anyOf" in given:
        return _either(given)
    found = deepcopy(given)
    if "enum" in found:
        found["type"] = "string"
    for inner in ("items", "additionalProperties"):
        if isinstance(found.get(inner), dict):
            found[inner] = _resolved(found[inner], definitions, f"{path}[]")
    return found


def _either(given: Schema) -> Schema:
    if any("$ref" in option for option in given["anyOf"]):
        # A name or an object: no structural schema can say that, so it is admission that does.
        return {"x-kubernetes-preserve-unknown-fields": True}
    text = next(option for option in given["anyOf"] if option["type"] == "string")
    others = {key: value for key, value in given.items() if key != "anyOf"}
    return {**text, **others, "type": ["integer", "string"], "x-kubernetes-int-or-string": True}


def _default(field: msgspec.structs.FieldInfo, schema: Schema) -> object:
    """Give a static default: the API server enters a nested object's only where the parent has one too."""
    factory = field.default_factory
    if factory is NODEFAULT:
        return schema.get("default")
    inner = schema.get("properties", {}).values()
    return {} if any("default" in child for child in inner) else None


def _published(schema: Schema) -> Schema:
    schema.pop("title", None)
    if "pattern" in schema:
        # The end of a text: Python's `$` lets a last newline pass, and RE2 has no `\Z`.
        schema["pattern"] = schema["pattern"].replace(r"\Z", "$")
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type")
    for child in schema.get("properties", {}).values():
        _published(child)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            _published(schema[inner])
    return schema
