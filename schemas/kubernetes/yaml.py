"""YAML as Kubernetes reads it: dates are text, and whatever is no YAML is a YAMLError, with its place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_STUMBLES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyYAML lets through of its own: of `!!int ""`, `!!bool x`, `!!timestamp x`, `"\\UFFFFFFFF"`."""

_NO_VALUE = "found a value that is not of its type, or a character that there is not"


class Loader(yaml.SafeLoader):
    """Safe YAML, less its date type, so that dates reach the checks as written."""

    def fetch_more_tokens(self) -> None:
        """Read on (called by PyYAML)."""
        with _placed(self.get_mark()):
            super().fetch_more_tokens()

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:  # noqa: ANN401  PyYAML says no more
        """Refuse half of a surrogate pair, as Go's YAML does: no UTF-8 can say it."""
        node = super().compose_scalar_node(anchor)
        with _placed(node.start_mark):
            node.value.encode()
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002
        """Make the value of a node (called by PyYAML)."""
        with _placed(node.start_mark):
            return super().construct_object(node, deep)


@contextmanager
def _placed(mark: yaml.Mark) -> Iterator[None]:
    try:
        yield
    except _STUMBLES:
        raise yaml.MarkedYAMLError(problem=_NO_VALUE, problem_mark=mark) from None


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
