"""spec.resources: what the API server would reject in the pod, reported before there is one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.kubernetes import amounts, labels
from schemas.rules import sizing
from schemas.verdict import Violation, field_path, got, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from schemas.api.fields import ResourceRequirements
    from schemas.rules.review import Review

Amount = str | int
HUGE_PAGES = "hugepages-"
DISK = "ephemeral-storage"

NATIVE = "kubernetes.io/"
"""In the name of a resource that Kubernetes itself counts."""
QUOTA = "requests."
"""Before the name of a resource in a quota."""

_STANDARD = re.compile(r"cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i")


def violations(review: Review) -> Iterator[Violation]:
    """Refuse unknown resources, invalid or negative quantities, and requests above limits."""
    resources = review.spec.resources
    if resources and review.changed("resources"):
        stored = (review.before.resources or None) if review.before else None
        yield from of_container("spec.resources", resources, stored)


def of_container(
    path: str, given: ResourceRequirements, stored: ResourceRequirements | None = None
) -> Iterator[Violation]:
    """Refuse what is wrong with the resources of a container; `stored` is what it has already."""
    requests, limits = given.requests or {}, given.limits or {}
    old_requests = (stored.requests or {}) if stored else {}
    old_limits = (stored.limits or {}) if stored else {}
    yield from _quantities(path, "requests", requests, old_requests)
    yield from _quantities(path, "limits", limits, old_limits)
    for name, request in requests.items():
        if (request, limits.get(name)) != (old_requests.get(name), old_limits.get(name)):
            yield from _above_limit(field_path(f"{path}.requests", name), name, request, limits.get(name))


def _quantities(
    path: str, kind: str, given: Mapping[str, Amount], stored: Mapping[str, Amount]
) -> Iterator[Violation]:
    for name, quantity in given.items():
        if stored.get(name) == quantity:
            continue
        problem = _problem(kind, name, quantity)
        if problem is not None:
            yield got(field_path(path, kind, name), quantity, problem)


@lru_cache(maxsize=1024, typed=True)
def _problem(kind: str, name: str, quantity: Amount) -> str | None:
    if not _STANDARD.fullmatch(name) and not _named_by_others(name):
        return "is not a container resource; use cpu or memory"
    amount = amounts.amount(quantity)
    return amounts.problem(quantity) if amount is None else _amount_problem(kind, name, amount)


def _amount_problem(kind: str, name: str, amount: Decimal) -> str | None:
    if amount <= 0:
        return "must be more than 0"
    if name == DISK and kind == "limits" and amount < sizing.NODE_DISK * sizing.MEBIBYTE:
        return f"must be at least {sizing.NODE_DISK}Mi: the pod's log counts, too"
    if name.startswith(HUGE_PAGES) and amount % (page := amounts.amount(name[len(HUGE_PAGES) :]) or 1):
        return f"must be whole pages of {page // 1024} KiB"
    return "must be a whole number" if _extended(name) and amount % 1 else None


def _named_by_others(name: str) -> bool:
    """Whether this can be a resource that a node's device plugin offers (IsExtendedResourceName)."""
    if "/" not in name or name.startswith(QUOTA):
        return False
    # A quota puts a word before it, which has to fit as well.
    return labels.key_problem(name if NATIVE in name else f"{QUOTA}{name}") is None


def _extended(name: str) -> bool:
    return "/" in name and NATIVE not in name


def _above_limit(path: str, name: str, request: Amount, limit: Amount | None) -> Iterator[Violation]:
    requested, most = amounts.amount(request), amounts.amount(limit)
    if (name.startswith(HUGE_PAGES) or _extended(name)) and requested is not None and requested != most:
        # Neither can be overcommitted (Kubernetes documentation, Manage HugePages and Extended Resources).
        expected = "must be the same as the limit" if limit is not None else "must have a limit of the same"
        yield got(path, request, expected)
    elif requested is not None and most is not None and requested > most:
        yield got(path, request, f"must be at most the limit, {shown(limit)}")
