"""Selectors of pods, namespaces and nodes (ValidateLabelSelector, ValidateNodeSelectorTerm)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.kubernetes import labels
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.pod import (
        LabelSelector,
        LabelSelectorRequirement,
        NodeSelectorRequirement,
        NodeSelectorTerm,
    )

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NODE_FIELD = "metadata.name"


def label_selector(path: str, given: LabelSelector) -> Iterator[Violation]:
    """Refuse a selector of labels that Kubernetes cannot read."""
    for key, value in (given.match_labels or {}).items():
        problem = labels.key_problem(key)
        problem = f"has an invalid key; {problem}" if problem else labels.value_problem(value)
        if problem is not None:
            yield got(field_path(path, "matchLabels", key), value, problem)
    for index, requirement in enumerate(given.match_expressions or []):
        yield from _requirement(field_path(path, "matchExpressions", index), requirement)


def selected_keys(given: LabelSelector) -> frozenset[str]:
    """Return the keys of labels that a selector asks for."""
    return frozenset(given.match_labels or ()) | {one.key for one in given.match_expressions or ()}


def keys(path: str, given: list[str], selector: LabelSelector | None) -> Iterator[Violation]:
    """Refuse keys of matchLabelKeys and mismatchLabelKeys that are no keys, or that nothing can add to."""
    if given and selector is None:
        yield got(path, given, "must be left out where there is no labelSelector")
        return
    for index, key in enumerate(given):
        problem = labels.key_problem(key)
        if problem is not None:
            yield got(field_path(path, index), key, problem)


def matching_keys(path: str, given: list[str], selector: LabelSelector | None) -> Iterator[Violation]:
    """Refuse matchLabelKeys as `keys` does, and those that the selector has: Kubernetes adds each to it."""
    yield from keys(path, given, selector)
    taken = selected_keys(selector) if selector is not None else frozenset[str]()
    for index, key in enumerate(given):
        if key in taken:
            yield got(field_path(path, index), key, "is in labelSelector already; leave out one of the two")
        elif key in given[:index]:
            yield got(field_path(path, index), key, "is there twice")


def node_selector_term(path: str, given: NodeSelectorTerm, *, values: bool = True) -> Iterator[Violation]:
    """Refuse a term that Kubernetes cannot read; without `values`, any value of a label passes."""
    for index, requirement in enumerate(given.match_expressions or []):
        below = field_path(path, "matchExpressions", index)
        yield from _requirement(below, requirement, values=values)
    for index, requirement in enumerate(given.match_fields or []):
        yield from _node_field(field_path(path, "matchFields", index), requirement)


def _requirement(
    path: str, given: LabelSelectorRequirement | NodeSelectorRequirement, *, values: bool = True
) -> Iterator[Violation]:
    if problem := labels.key_problem(given.key):
        yield got(f"{path}.key", given.key, problem)
    compared = given.values or []
    if (problem := _count_problem(given.operator, len(compared))) is not None:
        yield got(f"{path}.values", compared, problem)
        return
    for index, value in enumerate(compared):
        if given.operator in ("Gt", "Lt"):
            wrong = (
                None
                if _INTEGER.fullmatch(value)
                else f"must be a whole number, to compare by {given.operator}"
            )
        else:
            wrong = labels.value_problem(value) if values else None
        if wrong is not None:
            yield got(field_path(path, "values", index), value, wrong)


def _count_problem(operator: str, count: int) -> str | None:
    if operator in ("In", "NotIn") and not count:
        return f"must have at least 1 item with {operator}"
    if operator in ("Exists", "DoesNotExist") and count:
        return f"must be left out with {operator}"
    if operator in ("Gt", "Lt") and count != 1:
        return f"must have exactly 1 item with {operator}"
    return None


def _node_field(path: str, given: NodeSelectorRequirement) -> Iterator[Violation]:
    if given.key != _NODE_FIELD:
        yield got(f"{path}.key", given.key, f"must be {_NODE_FIELD}")
    if given.operator not in ("In", "NotIn"):
        yield got(f"{path}.operator", given.operator, "must be In or NotIn for the name of a node")
    elif len(given.values or []) != 1:
        yield got(f"{path}.values", given.values or None, "must be exactly one node's name")
    for index, name in enumerate(given.values or []):
        if problem := labels.object_name_problem(name):
            yield got(field_path(path, "values", index), name, problem)
