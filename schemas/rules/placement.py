"""Where pods may run, and what else the API server's code asks of the parts of a pod, beyond their schema.

The rules are those of k8s.io/kubernetes, pkg/apis/core/validation/validation.go, and of its reading of a pod
that a StatefulSet makes. Where Kubernetes takes what can never work, such as a `Gt` of a word, so do we not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import UNSET

from schemas.kubernetes import labels
from schemas.rules import selectors
from schemas.verdict import Violation, field_path, got, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.pod import (
        Affinity,
        NodeAffinity,
        PodAffinity,
        PodAffinityTerm,
        PodAntiAffinity,
        Toleration,
        TopologySpreadConstraint,
    )

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
CONTAINER = "postgres"
"""The container that runs the database, as the controller names it."""

_UNREAD = ("container.seccomp.security.alpha.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_INSTEAD = {
    "kubernetes.io/config.mirror": "is the kubelet's own; leave it out",
    "scheduler.alpha.kubernetes.io/tolerations": "is not read any more; use spec.template.tolerations",
}
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_INT32 = re.compile(r"0|-?[1-9][0-9]{0,9}")


def tolerations(path: str, given: list[Toleration]) -> Iterator[Violation]:
    """Refuse what Kubernetes refuses of tolerations (ValidateTolerations)."""
    for index, toleration in enumerate(given):
        yield from _toleration(field_path(path, index), toleration)


def _toleration(path: str, given: Toleration) -> Iterator[Violation]:
    operator = given.operator or "Equal"
    if operator not in ("Equal", "Exists"):
        # Gt and Lt need a feature gate that is off unless somebody turns it on.
        yield got(f"{path}.operator", given.operator, "must be Equal or Exists")
    elif not given.key and operator != "Exists":
        yield got(f"{path}.key", given.key or None, "must be a taint's key, unless operator is Exists")
    elif operator == "Exists" and given.value:
        yield got(f"{path}.value", given.value, "must be left out where operator is Exists")
    if given.key and (problem := labels.key_problem(given.key)):
        yield got(f"{path}.key", given.key, problem)
    if given.value and operator == "Equal" and (problem := labels.value_problem(given.value)):
        yield got(f"{path}.value", given.value, problem)
    if given.effect and given.effect not in EFFECTS:
        yield got(f"{path}.effect", given.effect, f"must be {listed(EFFECTS, joint='or')}")
    elif given.toleration_seconds is not UNSET and given.effect != "NoExecute":
        yield got(
            f"{path}.tolerationSeconds", given.toleration_seconds, "needs effect NoExecute, or to be left out"
        )


def affinity(path: str, given: Affinity) -> Iterator[Violation]:
    """Refuse what Kubernetes refuses of an affinity (validateAffinity)."""
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
        yield from _pod_term(field_path(path, REQUIRED, index), term)
    for index, weighted in enumerate(given.preferred_during_scheduling_ignored_during_execution or []):
        yield from _pod_term(
            field_path(path, PREFERRED, index, "podAffinityTerm"), weighted.pod_affinity_term
        )


def _pod_term(path: str, given: PodAffinityTerm) -> Iterator[Violation]:
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


def spread(path: str, given: list[TopologySpreadConstraint]) -> Iterator[Violation]:
    """Refuse what Kubernetes refuses of constraints (validateTopologySpreadConstraints)."""
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


def annotation_problem(key: str, value: str) -> str | None:
    """Say why the API server would refuse a pod with this annotation, None where it would not.

    Kubernetes itself changes a pod by it, or used to (ValidatePodSpecificAnnotations).
    """
    if key in _INSTEAD:
        return _INSTEAD[key]
    if key.startswith(_UNREAD):
        return "is not read any more, and pods have the profile RuntimeDefault; leave it out"
    if key.startswith(_APPARMOR):
        return _apparmor_problem(key.removeprefix(_APPARMOR), value)
    if key == _DELETION_COST and not (_INT32.fullmatch(value) and -(2**31) <= int(value) < 2**31):
        return "must be a whole number of 32 bits"
    return None


def _apparmor_problem(container: str, profile: str) -> str | None:
    if container != CONTAINER:
        return f"must name the container {CONTAINER}: {_APPARMOR}{CONTAINER}"
    if profile != "runtime/default" and not profile.startswith("localhost/"):
        return "must be runtime/default or localhost/PROFILE"
    return None
