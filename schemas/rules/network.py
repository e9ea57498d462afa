"""spec.network: what a NetworkPolicy would be refused for (networking validation of the API server)."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeAlias

from schemas.rules import selectors
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.network import Client, IPBlock
    from schemas.rules.review import Review

Network: TypeAlias = IPv4Network | IPv6Network

_PATH = "spec.network.clients"
_KINDS = "podSelector, namespaceSelector or ipBlock"
RANGE = "must be a range of addresses, such as 10.0.0.0/8 or 2001:db8::/64, without further bits"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse every client that no NetworkPolicy could name."""
    stored = (review.before.network.clients or []) if review.before is not None else []
    for index, given in enumerate(review.spec.network.clients or []):
        if given not in stored:
            yield from client(given, f"{_PATH}[{index}]")


def warnings(review: Review) -> Iterator[str]:
    """Warn where a list that was emptied, or never filled, keeps everybody out."""
    if review.spec.network.clients == []:
        yield warning(f"{_PATH}: empty, so nothing but the database's own instances can connect")


def client(peer: Client, path: str) -> Iterator[Violation]:
    """Refuse a peer that no NetworkPolicy could name."""
    both = {"podSelector": peer.pod_selector, "namespaceSelector": peer.namespace_selector}
    given = {name: selector for name, selector in both.items() if selector}
    if peer.ip_block and given:
        yield Violation(path, f"got ipBlock and {' and '.join(given)}; ipBlock must be alone")
    if not peer.ip_block and not given:
        yield Violation(path, f"got nothing that is known; must have {_KINDS}")
    for name, selector in given.items():
        yield from selectors.label_selector(f"{path}.{name}", selector)
    if peer.ip_block:
        yield from _block(peer.ip_block, f"{path}.ipBlock")


def _block(block: IPBlock, path: str) -> Iterator[Violation]:
    whole = read_range(block.cidr)
    if whole is None:
        yield got(f"{path}.cidr", block.cidr, RANGE)
    for index, text in enumerate(block.except_ or []):
        part = read_range(text)
        if part is None:
            yield got(f"{path}.except[{index}]", text, RANGE)
        elif whole is not None and not _within(part, whole):
            yield got(f"{path}.except[{index}]", text, f"must be within {block.cidr}, and not all of it")


def read_range(text: str) -> Network | None:
    """Read a range as the API server's strict reading does; None if it is none."""
    length = text.rpartition("/")[2]
    if "/" not in text or not (length.isascii() and length.isdigit()) or length != str(int(length)):
        return None
    try:
        found = ip_network(text)
    except ValueError:
        return None
    mapped = isinstance(found, IPv6Network) and found.network_address.ipv4_mapped is not None
    return None if mapped or "%" in text else found


def _within(part: Network, whole: Network) -> bool:
    if isinstance(part, IPv4Network) and isinstance(whole, IPv4Network):
        return part != whole and part.subnet_of(whole)
    if isinstance(part, IPv6Network) and isinstance(whole, IPv6Network):
        return part != whole and part.subnet_of(whole)
    return False
