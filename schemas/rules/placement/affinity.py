"""spec.template.affinity (validateAffinity)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.kubernetes import labels
from schemas.rules import selectors
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.pod import Affinity, NodeAffinity, PodAffinity, PodAffinityTerm, PodAntiAffinity

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def violations(path: str, given: Affinity) -> Iterator[Violation]:
    """Refuse what Kubernetes refuses of an affinity."""
    if given.node_affinity:
        yield from _nodes(field_path(path, "nodeAffinity"), given.node_affinity)
    if given.pod_affinity:
        yield from _pods(field_path(path, "podAffinity"), given.pod_affinity)
    if given.pod_anti_affinity:
        yield from _pods(field_path(path, "podAntiAffinity"), given.pod_anti_affinity)


def _nodes(path: str, given: NodeAffinity) -> Iterator[Violation]:
    required = given.required_during_scheduling_ignored_during_execution
    if required:
        below = field_path(path, REQUIRED, "nodeSelectorTerms")
        if not required.node_selector_terms:
            yield got(below, [], "must have at least one term, or leave out what is required")
        for index, term in enumerate(required.node_selector_terms):
            yield from selectors.node_selector_term(field_path(below, index), term)
    for index, preferred in enumerate(given.preferred_during_scheduling_ignored_during_execution or []):
        below = field_path(path, PREFERRED, index, "preference")
        yield from selectors.node_selector_term(below, preferred.preference, values=False)


def _pods(path: str, given: PodAffinity | PodAntiAffinity) -> Iterator[Violation]:
    for index, term in enumerate(given.required_during_scheduling_ignored_during_execution or []):
        yield from _term(field_path(path, REQUIRED, index), term)
    for index, weighted in enumerate(given.preferred_during_scheduling_ignored_during_execution or []):
        yield from _term(field_path(path, PREFERRED, index, "podAffinityTerm"), weighted.pod_affinity_term)


def _term(path: str, given: PodAffinityTerm) -> Iterator[Violation]:
    selector = given.label_selector or None
    if selector is not None:
        yield from selectors.label_selector(f"{path}.labelSelector", selector)
    if given.namespace_selector:
        yield from selectors.label_selector(f"{path}.namespaceSelector", given.namespace_selector)
    for index, name in enumerate(given.namespaces or []):
        if problem := labels.namespace_problem(name):
            yield got(field_path(path, "namespaces", index), name, problem)
    matched, mismatched = given.match_label_keys or [], given.mismatch_label_keys or []
    yield from selectors.matching_keys(f"{path}.matchLabelKeys", matched, selector)
    yield from selectors.keys(f"{path}.mismatchLabelKeys", mismatched, selector)
    for index, key in enumerate(mismatched):
        if key in matched:
            where = field_path(path, "mismatchLabelKeys", index)
            yield got(where, key, "is in matchLabelKeys already; leave out one of the two")
    if given.topology_key and (problem := labels.key_problem(given.topology_key)):
        yield got(f"{path}.topologyKey", given.topology_key, problem)
