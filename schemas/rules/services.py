"""spec.services and spec.tls: what the API server would refuse in a Service, and names no certificate has."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from schemas.api.services import Service, Services
from schemas.kubernetes import labels
from schemas.rules.network import RANGE, read_range
from schemas.rules.template import keys
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review

_PATH: Final = "spec.services"
_NAMES: Final = "spec.tls.names"
_NOTHING: Final = Services()
_USUAL: Final = Service()
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_NAME: Final = "must be an address, or a host name in lower case, such as db.example.com or *.db.example.com"
_OWN_ANNOTATIONS: Final = frozenset({"keddah.dev/applied"})
_ONLY: Final = (
    # Fields that the API server refuses, or forgets, in Services of other types (Service v1).
    ("source_ranges", "sourceRanges", ("LoadBalancer",)),
    ("load_balancer_class", "loadBalancerClass", ("LoadBalancer",)),
    ("node_port", "nodePort", ("NodePort", "LoadBalancer")),
    ("external_traffic_policy", "externalTrafficPolicy", ("NodePort", "LoadBalancer")),
)


def violations(review: Review) -> Iterator[Violation]:
    """Refuse what no Service could be, and names that no certificate could be for."""
    if review.changed("services"):
        given = review.spec.services or _NOTHING
        stored = (review.before.services or _NOTHING) if review.before is not None else _NOTHING
        for field, now, before in (
            ("primary", given.primary, stored.primary),
            ("standbys", given.standbys, stored.standbys),
        ):
            if now and now != before:
                yield from _service(f"{_PATH}.{field}", now, before or _USUAL)
        yield from _same_port(given)
        yield from _families(given, stored)
    if review.changed("tls"):
        yield from _names(review)


def warnings(review: Review) -> Iterator[str]:
    """Warn of a load balancer that everybody on its network can use."""
    services = review.spec.services or _NOTHING
    for field, service in (("primary", services.primary), ("standbys", services.standbys)):
        if service and service.type == "LoadBalancer" and not service.source_ranges:
            yield warning(f"{_PATH}.{field}: without sourceRanges, whoever reaches the load balancer may try")


def _service(path: str, given: Service, before: Service) -> Iterator[Violation]:
    for attribute, name, types in _ONLY:
        if (value := getattr(given, attribute)) and given.type not in types:
            shown = value if isinstance(value, str | int) else ", ".join(value)
            yield got(f"{path}.{name}", shown, f"must be absent unless type is {' or '.join(types)}")
    fresh = {k: v for k, v in (given.annotations or {}).items() if (before.annotations or {}).get(k) != v}
    yield from keys(f"{path}.annotations", fresh, _OWN_ANNOTATIONS)
    for index, text in enumerate(given.source_ranges or []):
        if read_range(text) is None:
            yield got(f"{path}.sourceRanges[{index}]", text, RANGE)
    wanted = given.load_balancer_class
    if wanted and (problem := labels.key_problem(wanted)):
        yield got(
            f"{path}.loadBalancerClass", wanted, f"must be a name such as example.com/internal; {problem}"
        )
    elif given.type == before.type == "LoadBalancer" and wanted != before.load_balancer_class:
        how = "cannot change while type is LoadBalancer; set type to ClusterIP first"
        yield got(f"{path}.loadBalancerClass", wanted or "nothing", how)


def _same_port(given: Services) -> Iterator[Violation]:
    primary, standbys = given.primary, given.standbys
    if primary and standbys and primary.node_port and primary.node_port == standbys.node_port:
        yield got(f"{_PATH}.standbys.nodePort", standbys.node_port, "must not be that of primary")


def _families(given: Services, stored: Services) -> Iterator[Violation]:
    """Refuse what the API server refuses of families (ValidateServiceClusterIPsRelatedFields)."""
    families, before = given.ip_families or [], stored.ip_families or []
    path = f"{_PATH}.ipFamilies"
    if len(families) != len(set(families)):
        yield got(path, families, "must name each family once")
    elif len(families) > 1 and given.ip_family_policy in (UNSET, "SingleStack"):
        yield got(path, families, "must be one, or ipFamilyPolicy be PreferDualStack or RequireDualStack")
    elif families and before and families[0] != before[0]:
        yield got(path, families, f"must begin with {before[0]}: Services keep their first address")


def _names(review: Review) -> Iterator[Violation]:
    given = review.spec.tls.names if review.spec.tls else None
    known = review.before.tls.names if review.before is not None and review.before.tls else None
    for index, name in enumerate(given or []):
        if name not in (known or []) and not (_HOST.fullmatch(name) or _address(name)):
            yield got(f"{_NAMES}[{index}]", name, _NAME)


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text
