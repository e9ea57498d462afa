"""JSON Patch (RFC 6902), as far as defaults need it: the operation `add` on members of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class PatchError(ValueError):
    """The patch does not fit the object."""


def add(path: tuple[str, ...], value: object) -> dict[str, Any]:
    """Write one `add` operation; the path is escaped as a JSON pointer (RFC 6901)."""
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)
    return {"op": "add", "path": pointer, "value": value}


def apply(manifest: Mapping[str, Any], operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a new manifest with the additions made; what they do not touch is shared, nothing is changed.

    Raises PatchError where a parent is missing or is not an object, as RFC 6902 section 4.1 demands.
    """
    result = dict(manifest)
    for operation in operations:
        if operation["op"] != "add":
            raise PatchError(f"no operation but add is made here, got {operation['op']}")
        *parents, last = (_unescaped(part) for part in operation["path"].split("/")[1:])
        target = result
        for parent in parents:
            child = target.get(parent)
            copy = dict(child) if isinstance(child, dict) else None
            if copy is None:
                raise PatchError(f"{operation['path']}: the parent {parent} is not an object")
            target[parent] = copy
            target = copy
        target[last] = operation["value"]
    return result


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
