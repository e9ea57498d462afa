"""Memory, and the shared memory within it: with too much of it PostgreSQL does not start, or is killed.

Shared memory is ordinary memory, or huge pages, which Kubernetes limits separately; `huge_pages` decides.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from schemas.kubernetes.amounts import amount
from schemas.rules import sharing, sizing
from schemas.rules.derived import derived, room
from schemas.rules.resources import HUGE_PAGES
from schemas.rules.sizing import BESIDE_SHARED_BUFFERS, MEBIBYTE
from schemas.verdict import Violation, field_path, got, shown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.types import Spec
    from schemas.rules.review import Review
    from schemas.rules.settings import ParameterSettings

LEAST_LIMIT = 192
"""MiB that are enough for Patroni and PostgreSQL, which then gets 48 MiB of shared_buffers."""

# What shared memory holds besides shared_buffers. Measured by `postgres -C shared_memory_size` of 17 and 18,
# with 128MB to 128GB and 100 to 5000 connections: 2.2 % of them, 16 to 25 MiB, up to 62 kB a connection.
_OVERHEAD = Decimal("1.025")
_FIXED = 32 * MEBIBYTE
_CONNECTION = 64 * 1024


def violations(review: Review) -> Iterator[Violation]:
    """Refuse a limit that is too small for any database, and shared_buffers too large for its limit."""
    if not _relation_changed(review):
        return
    limit = _of(review.spec, "limits")
    allowed = amount(limit)
    if allowed is not None and allowed < LEAST_LIMIT * MEBIBYTE:
        yield got("spec.resources.limits.memory", limit, f"must be at least {LEAST_LIMIT}Mi")
        return
    use = review.settings.word("huge_pages", "try")
    name, pages = _huge_pages(review.spec)
    if use == "on" and pages is None:
        found = review.settings.get("huge_pages")
        wanted = "needs resources.limits.hugepages-2Mi or hugepages-1Gi: without one a pod gets no huge pages"
        yield got(field_path("spec.parameters", found[0] if found else "huge_pages"), use, wanted)
    elif use == "on" or _larger(pages, allowed, use):
        most = _in_huge_pages(review, pages or Decimal(0))
        yield from _too_much(review, name, most) or _too_much_beside(review, name, most)
    elif allowed is not None:
        most = int(allowed) // MEBIBYTE - BESIDE_SHARED_BUFFERS
        yield from _too_much(review, "memory", most) or _too_much_beside(review, "memory", most)


def _larger(pages: Decimal | None, allowed: Decimal | None, use: str) -> bool:
    """Whether `try` finds more room in huge pages, which the scheduler reserves like a request."""
    return use == "try" and pages is not None and allowed is not None and pages > allowed


def _too_much(review: Review, resource: str, most: int) -> tuple[Violation, ...]:
    """Refuse shared_buffers above so many MiB. What follows from a memory limit always fits into it."""
    found = review.settings.get("shared_buffers")
    if resource == "memory" and found is None:
        return ()
    if _shared_buffers(review) <= max(most, 0) * MEBIBYTE:
        return ()
    given = _limit(review.spec, resource)
    if found is None:
        wanted = f"must leave room for shared_buffers, {_shared_buffers(review) // MEBIBYTE}MB, and the rest"
        return (Violation(field_path("spec.resources.limits", resource), f"got {given}; {wanted}"),)
    rest = "" if resource == "memory" else ", which all shared memory must fit in"
    expected = f"must be at most {max(most, 0)}MB under resources.limits.{resource} {given}{rest}"
    return (got(field_path("spec.parameters", found[0]), found[1], expected),)


def _too_much_beside(review: Review, resource: str, most: int) -> tuple[Violation, ...]:
    """Refuse the parameter that asks for the most shared memory, where not all fits into so many MiB."""
    beside = sharing.more(_in_force(review))
    total = (_shared_buffers(review) + beside) // MEBIBYTE
    if beside <= 0 or total <= most:
        return ()
    found = review.settings.get(sharing.largest(review.settings))
    if found is None:
        return ()
    limit = f"resources.limits.{resource} {_limit(review.spec, resource)}"
    expected = f"must be less: shared memory of {total}MB does not fit into {limit}"
    return (got(field_path("spec.parameters", found[0]), found[1], expected),)


def _limit(spec: Spec, resource: str) -> str:
    limits = spec.resources.limits if spec.resources else None
    return shown((limits or {}).get(resource))


def _huge_pages(spec: Spec) -> tuple[str, Decimal | None]:
    """Return the largest limit of huge pages; which size PostgreSQL takes depends on the node."""
    limits = (spec.resources.limits or {}) if spec.resources else {}
    sizes = {name: amount(value) for name, value in limits.items() if name.startswith(HUGE_PAGES)}
    if not sizes:
        return "", None
    known = {name: size for name, size in sizes.items() if size is not None}
    name = max(known, key=lambda name: known[name], default="")
    return name, known.get(name)


def _in_huge_pages(review: Review, pages: Decimal) -> int:
    """Return the MiB of shared_buffers with which all shared memory fits into huge pages."""
    connections = review.settings.number("max_connections") or 100
    return int((pages - _FIXED - int(min(connections, 10**6)) * _CONNECTION) / _OVERHEAD) // MEBIBYTE


def warnings(review: Review) -> Iterator[str]:
    """Warn of what is legal, and may not fit all the same."""
    if _relation_changed(review):
        yield from _not_reserved(review)
    if review.changed("parameters", "resources"):
        yield from _too_much_work(review)


def _too_much_work(review: Review) -> Iterator[str]:
    """Warn of a work_mem that not even half of the connections can have at once."""
    found, limit = review.settings.get("work_mem"), _of(review.spec, "limits")
    allowed, given = amount(limit), review.settings.memory("work_mem")
    connections = int(review.settings.in_force("max_connections"))
    if found is not None and allowed and given and given * connections > 2 * allowed:
        words = f"in each of {connections} connections is more than twice resources.limits.memory, {limit}"
        yield warning(f"spec.parameters.{found[0]}: {found[1]} {words}")


def _not_reserved(review: Review) -> Iterator[str]:
    """Warn of shared_buffers beyond the memory request, which the scheduler does not reserve."""
    request = _of(review.spec, "requests")
    reserved = amount(request)
    if request is None or reserved is None:
        return
    needed = _shared_buffers(review)
    pages = _huge_pages(review.spec)[1]
    if needed <= reserved or (pages is not None and review.settings.word("huge_pages", "try") != "off"):
        return
    found = review.settings.get("shared_buffers")
    if found is not None:
        yield warning(
            f"spec.parameters.{found[0]}: {found[1]} is more than resources.requests.memory, {request}"
        )
    else:
        yield warning(
            f"spec.resources.requests.memory: {request} is less than shared_buffers, "
            f"{needed // MEBIBYTE}MB by the limit"
        )


def _shared_buffers(review: Review) -> int:
    """Return the bytes of shared_buffers: the explicit value, else the default for this memory."""
    if review.settings.get("shared_buffers") is None:
        return sizing.shared_buffers(sizing.container_memory(review.spec.resources)) * MEBIBYTE
    return review.settings.memory("shared_buffers") or 0


def _in_force(review: Review) -> ParameterSettings:
    """Return the parameters that the spec gives, and those that keddah derives where it is silent."""
    spec = review.spec
    return review.settings.over(
        derived(review.settings, room(spec.resources, amount(spec.storage.size or None)))
    )


def _relation_changed(review: Review) -> bool:
    before = review.before
    if before is None or not review.changed("parameters", "resources"):
        return before is None
    return _parts(review.spec, review.settings) != _parts(before, review.settings_before())


def _parts(spec: Spec, settings: ParameterSettings) -> tuple[object, ...]:
    limits = _of(spec, "limits"), _of(spec, "requests"), _huge_pages(spec)
    return *limits, sharing.more(settings), settings.get("shared_buffers"), settings.get("huge_pages")


def _of(spec: Spec, kind: str) -> str | int | None:
    amounts = getattr(spec.resources, kind) if spec.resources else None
    return amounts.get("memory") if amounts else None
