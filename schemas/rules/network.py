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
_RANGE = "must be a range of addresses, such as 10.0.0.0/8 or 2001:db8::/64, without further bits"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse every client that no NetworkPolicy could name."""
    stored = (review.before.network.clients or []) if review.before is not None else []
    for index, client in enumerate(review.spec.network.clients or []):
        if client not in stored:
            yield from _client(client, f"{_PATH}[{index}]")


def warnings(review: Review) -> Iterator[str]:
    """Warn where a list that was emptied, or never filled, keeps everybody out."""
    if review.spec.network.clients == []:
        yield warning(f"{_PATH}: empty, so nothing but the database's own instances can connect")


def _client(client: Client, path: str) -> Iterator[Violation]:
    both = {"podSelector": client.pod_selector, "namespaceSelector": client.namespace_selector}
    given = {name: selector for name, selector in both.items() if selector}
    if client.ip_block and given:
        yield Violation(path, f"got ipBlock and {' and '.join(given)}; ipBlock must be alone")
    if not client.ip_block and not given:
        yield Violation(path, f"got nothing that is known; must have {_KINDS}")
    for name, selector in given.items():
        yield from selectors.label_selector(f"{path}.{name}", selector)
    if client.ip_block:
        yield from _block(client.ip_block, f"{path}.ipBlock")


def _block(block: IPBlock, path: str) -> Iterator[Violation]:
    whole = _range(block.cidr)
    if whole is None:
        yield got(f"{path}.cidr", block.cidr, _RANGE)
    for index, text in enumerate(block.except_ or []):
        part = _range(text)
        if part is None:
            yield got(f"{path}.except[{index}]", text, _RANGE)
        elif whole is not None and not _within(part, whole):
            yield got(f"{path}.except[{index}]", text, f"must be within {block.cidr}, and not all of it")


def _range(text: str) -> Network | None:
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
