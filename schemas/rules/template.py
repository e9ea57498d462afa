"""spec.template: what users may set on pods without breaking selectors and Patroni."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from schemas.types import Template
from schemas.verdict import Violation, field_path, got, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.review import Review

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")
LONGEST_PREFIX = 253

OWN_LABELS = frozenset(
    {
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/name",
        "apps.kubernetes.io/pod-index",
        "controller-revision-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""The selectors of Services and of the StatefulSet use these."""
OWN_ANNOTATIONS = frozenset({"status"})
"""Patroni keeps a member's state here."""
OWN_DOMAIN = "keddah.dev"

NOTHING = Template()
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
AFFINITIES = ("nodeAffinity", "podAffinity", "podAntiAffinity")
SPREAD_NEEDS = ("maxSkew", "topologyKey", "whenUnsatisfiable")


def violations(review: Review) -> Iterator[Violation]:
    """Refuse keys and values that are invalid on pods, and those that keddah or Patroni own."""
    template = review.spec.template
    if not template or not review.changed("template"):
        return
    stored = (review.before.template or NOTHING) if review.before is not None else NOTHING
    for field, given, before, own in (
        ("labels", template.labels, stored.labels, OWN_LABELS),
        ("annotations", template.annotations, stored.annotations, OWN_ANNOTATIONS),
        ("nodeSelector", template.node_selector, stored.node_selector, frozenset[str]()),
    ):
        fresh = {key: value for key, value in (given or {}).items() if (before or {}).get(key) != value}
        yield from _keys(f"spec.template.{field}", fresh, own)
    if template.tolerations != stored.tolerations:
        yield from _tolerations(template.tolerations or [])
    if template.affinity != stored.affinity:
        yield from _affinity(template.affinity or {})
    if template.topology_spread_constraints != stored.topology_spread_constraints:
        yield from _spread(template.topology_spread_constraints or [])


def _keys(path: str, given: Mapping[str, str], own: frozenset[str]) -> Iterator[Violation]:
    for key, value in given.items():
        problem = _key_problem(key, own)
        if problem is None and not path.endswith("annotations") and not _VALUE.fullmatch(value):
            problem = "must be at most 63 letters, digits, - _ and ., a letter or digit at both ends"
        if problem is not None:
            yield got(field_path(path, key), value, problem)


def _key_problem(key: str, own: frozenset[str]) -> str | None:
    prefix = key.rpartition("/")[0]
    if not _KEY.fullmatch(key) or len(prefix) > LONGEST_PREFIX:
        return "has an invalid key; must be NAME or DOMAIN/NAME, with a NAME of at most 63 characters"
    if key in own or (own and (prefix == OWN_DOMAIN or prefix.endswith(f".{OWN_DOMAIN}"))):
        return "has a key that the operator itself sets; choose another"
    return None


def _tolerations(given: list[dict[str, Any]]) -> Iterator[Violation]:
    for index, toleration in enumerate(given):
        path = f"spec.template.tolerations[{index}]"
        operator = toleration.get("operator", "Equal")
        if operator not in ("Equal", "Exists"):
            yield got(f"{path}.operator", operator, "must be Equal or Exists")
        elif operator == "Equal" and not toleration.get("key"):
            yield got(
                f"{path}.key", toleration.get("key"), "must be a taint's key, unless operator is Exists"
            )
        effect = toleration.get("effect", "")
        if effect and effect not in EFFECTS:
            yield got(f"{path}.effect", effect, f"must be {listed(EFFECTS, joint='or')}")


def _affinity(given: dict[str, Any]) -> Iterator[Violation]:
    for key, value in given.items():
        if key not in AFFINITIES:
            path = field_path("spec", "template", "affinity", key)
            yield got(path, value, f"is not a kind of affinity; must be {listed(AFFINITIES, joint='or')}")


def _spread(given: list[dict[str, Any]]) -> Iterator[Violation]:
    for index, constraint in enumerate(given):
        for key in SPREAD_NEEDS:
            if constraint.get(key) in (None, ""):
                path = f"spec.template.topologySpreadConstraints[{index}].{key}"
                yield got(path, constraint.get(key), "is required in every constraint")
