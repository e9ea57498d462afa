"""spec.template.topologySpreadConstraints (validateTopologySpreadConstraints)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.kubernetes import labels
from schemas.rules import selectors
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.pod import TopologySpreadConstraint


def violations(path: str, given: list[TopologySpreadConstraint]) -> Iterator[Violation]:
    """Refuse what Kubernetes refuses of constraints."""
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(given):
        below = field_path(path, index)
        yield from _constraint(below, constraint)
        identity = (constraint.topology_key, constraint.when_unsatisfiable)
        if identity in seen:
            repeated = "has a constraint with the same whenUnsatisfiable already; leave one out"
            yield got(f"{below}.topologyKey", constraint.topology_key, repeated)
        seen.add(identity)


def _constraint(path: str, given: TopologySpreadConstraint) -> Iterator[Violation]:
    if given.topology_key and (problem := labels.key_problem(given.topology_key)):
        yield got(f"{path}.topologyKey", given.topology_key, problem)
    if given.min_domains and given.when_unsatisfiable != "DoNotSchedule":
        needed = "needs whenUnsatisfiable: DoNotSchedule, or to be left out"
        yield got(f"{path}.minDomains", given.min_domains, needed)
    selector = given.label_selector or None
    if selector is not None:
        yield from selectors.label_selector(f"{path}.labelSelector", selector)
    yield from selectors.matching_keys(f"{path}.matchLabelKeys", given.match_label_keys or [], selector)
