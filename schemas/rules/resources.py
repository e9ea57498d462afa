"""spec.resources: what the API server would refuse in the pod, said before there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas import amounts
from schemas.verdict import Violation, field_path, got, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.review import Review
    from schemas.types import ResourceRequirements

Amount = str | int

_STANDARD = re.compile(r"cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i")
_EXTENDED = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def violations(review: Review) -> Iterator[Violation]:
    """Refuse unknown resources, amounts that are no quantity or negative, and requests above limits."""
    resources = review.spec.resources
    if not resources or not review.changed("resources"):
        return
    requests = resources.requests or {}
    limits = resources.limits or {}
    yield from _quantities("requests", requests, _stored(review, "requests"))
    yield from _quantities("limits", limits, _stored(review, "limits"))
    yield from _above_limits(requests, limits)


def _stored(review: Review, kind: str) -> Mapping[str, Amount]:
    stored: ResourceRequirements | None = (review.before.resources or None) if review.before else None
    return (getattr(stored, kind) or {}) if stored is not None else {}


def _quantities(kind: str, given: Mapping[str, Amount], stored: Mapping[str, Amount]) -> Iterator[Violation]:
    for name, quantity in given.items():
        if stored.get(name) == quantity:
            continue
        path = field_path("spec", "resources", kind, name)
        if not _STANDARD.fullmatch(name) and not _EXTENDED.fullmatch(name):
            yield got(path, quantity, "is for a resource that no container has; cpu and memory are meant")
            continue
        amount = amounts.amount(quantity)
        if amount is None:
            yield got(path, quantity, str(amounts.problem(quantity)))
        elif amount <= 0:
            yield got(path, quantity, "must be more than 0")


def _above_limits(requests: Mapping[str, Amount], limits: Mapping[str, Amount]) -> Iterator[Violation]:
    for name, request in requests.items():
        requested, limit = amounts.amount(request), amounts.amount(limits.get(name))
        if requested is not None and limit is not None and requested > limit:
            path = field_path("spec", "resources", "requests", name)
            yield got(path, request, f"must be at most the limit, {shown(limits[name])}")
