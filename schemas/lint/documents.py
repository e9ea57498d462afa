"""YAML files as kubectl reads them, with the line of every field.

kubectl refuses keys that are given twice, where PyYAML takes the last, and leaves dates as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from schemas.kubernetes.yaml import Loader
from schemas.verdict import field_path, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_NODES: Final = 300_000
"""Values in one document, each use of an alias counted; more is an attack or a mistake."""
DEEPEST: Final = 100
"""Levels of lists and mappings; an alias within its own anchor would have no end."""


class UnreadableError(ValueError):
    """A file is no YAML; `line` counts from one."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """A document's value, and the line of each field by its path; of the document itself by ""."""

    value: Any
    lines: dict[str, int]

    def line(self, path: str) -> int:
        """Give the line of a field, or of the nearest part around it that is there."""
        while path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines[path]

    def item(self, index: int) -> Document:
        """Give an item of a List as a document of its own."""
        prefix = f"items[{index}]"
        lines = {
            path[len(prefix) :].removeprefix("."): line
            for path, line in self.lines.items()
            if path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))
        }
        return Document(self.value["items"][index], lines)


def documents(text: str) -> Iterator[Document]:
    """Read the documents one after another, empty ones left out; raises UnreadableError."""
    try:
        loader = Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            lines = _lines(node)
            value = loader.construct_document(node)
            if value is not None:
                yield Document(_with_text_keys(value), lines)
    except yaml.YAMLError as error:
        raise _unreadable(error, text) from None
    except RecursionError:
        raise UnreadableError(1, f"is nested deeper than {DEEPEST} levels") from None


def _lines(root: yaml.Node) -> dict[str, int]:
    lines = {"": root.start_mark.line + 1}
    ahead = [(root, "", 0)]
    count = 0
    while ahead:
        node, path, depth = ahead.pop()
        count += 1
        if count > MOST_NODES:
            raise UnreadableError(lines[""], f"holds more than {MOST_NODES:,} values; aliases multiply them")
        if depth > DEEPEST:
            raise UnreadableError(node.start_mark.line + 1, f"is nested deeper than {DEEPEST} levels")
        for child, below, line in _children(node, path):
            lines.setdefault(below, line)
            ahead.append((child, below, depth + 1))
    return lines


def _children(node: yaml.Node, path: str) -> Iterator[tuple[yaml.Node, str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield item, f"{path}[{index}]", item.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return
    first: dict[str, int] = {}
    for key, child in node.value:
        line = key.start_mark.line + 1
        name = str(key.value)
        if name in first and key.tag != "tag:yaml.org,2002:merge":
            where = f", first in line {first[name]}" if first[name] != line else ""
            raise UnreadableError(line, f"key {shown(name)} is given twice{where}; leave one out")
        first[name] = line
        yield child, field_path(path, name), line


def _with_text_keys(value: Any) -> Any:  # noqa: ANN401  whatever YAML holds
    """Make keys text, as they are in JSON."""
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _with_text_keys(item) for key, item in value.items()}
    return value


def _text(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _unreadable(error: yaml.YAMLError, text: str) -> UnreadableError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
    return UnreadableError(line, f"is not YAML: {problem}")
