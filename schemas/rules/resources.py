"""spec.resources: what the API server would reject in the pod, reported before there is one."""

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
    """Refuse unknown resources, invalid or negative quantities, and requests above limits."""
    resources = review.spec.resources
    if not resources or not review.changed("resources"):
        return
    requests = resources.requests or {}
    limits = resources.limits or {}
    old_requests, old_limits = _stored(review, "requests"), _stored(review, "limits")
    yield from _quantities("requests", requests, old_requests)
    yield from _quantities("limits", limits, old_limits)
    for name, request in requests.items():
        if (request, limits.get(name)) != (old_requests.get(name), old_limits.get(name)):
            yield from _above_limit(name, request, limits.get(name))


def _stored(review: Review, kind: str) -> Mapping[str, Amount]:
    stored: ResourceRequirements | None = (review.before.resources or None) if review.before else None
    return (getattr(stored, kind) or {}) if stored is not None else {}


def _quantities(kind: str, given: Mapping[str, Amount], stored: Mapping[str, Amount]) -> Iterator[Violation]:
    for name, quantity in given.items():
        if stored.get(name) == quantity:
            continue
        path = field_path("spec", "resources", kind, name)
        if not _STANDARD.fullmatch(name) and not _EXTENDED.fullmatch(name):
            yield got(path, quantity, "is not a container resource; use cpu or memory")
            continue
        amount = amounts.amount(quantity)
        if amount is None:
            yield got(path, quantity, str(amounts.problem(quantity)))
        elif amount <= 0:
            yield got(path, quantity, "must be more than 0")


def _above_limit(name: str, request: Amount, limit: Amount | None) -> Iterator[Violation]:
    requested, most = amounts.amount(request), amounts.amount(limit)
    if requested is not None and most is not None and requested > most:
        path = field_path("spec.resources.requests", name)
        yield got(path, request, f"must be at most the limit, {shown(limit)}")
