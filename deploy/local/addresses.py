"""The addresses of a cluster: three private /16 networks, numbered by the cluster's index."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CLUSTERS = 60
MAX_NODES = 60
_FIRST_OCTET = 10
_SECOND_OCTET = 64  # 10.64.0.0 and up: the lower part of 10.0.0.0/8 is more likely to be in use


@dataclass(frozen=True)
class AddressPlan:
    """Every address of the cluster with this index (0 to 59); two indices never share one."""

    index: int

    def _network(self, position: int) -> IPv4Network:
        octet = _SECOND_OCTET + 3 * self.index + position
        return IPv4Network(f"{_FIRST_OCTET}.{octet}.0.0/16")

    @property
    def nodes(self) -> IPv4Network:
        """The network of the nodes, the control plane and the link to the host."""
        return self._network(0)

    @property
    def pods(self) -> IPv4Network:
        """The pod network, of which every node has a /24."""
        return self._network(1)

    @property
    def services(self) -> IPv4Network:
        """The network of the Services' cluster addresses."""
        return self._network(2)

    @property
    def segment(self) -> IPv4Network:
        """The half of the node network that is one bridged segment; the other has the link to the host."""
        return next(self.nodes.subnets(new_prefix=17))

    @property
    def control_plane(self) -> IPv4Address:
        """The API server, CoreDNS, and the router between the nodes and the host."""
        return self.nodes[1]

    @property
    def host(self) -> IPv4Address:
        """The host's end of its link to the control plane; pods reach the host by it."""
        return self.nodes[-2]

    @property
    def host_gateway(self) -> IPv4Address:
        """The control plane's end of the link to the host."""
        return self.nodes[-3]

    def node(self, number: int) -> IPv4Address:
        """Return the address of a node; numbers start at 1."""
        return self.nodes[10 + number]

    def pod_range(self, number: int) -> IPv4Network:
        """Return the /24 that the pods of a node get their addresses from."""
        return IPv4Network((int(self.pods.network_address) + (number << 8), 24))

    @property
    def host_interface(self) -> str:
        """Return the name of the host's end of the link: at most 15 characters, for any cluster name."""
        return f"keddah{self.index}-host"

    def overlaps(self, network: IPv4Network) -> bool:
        """Whether any of the cluster's networks shares addresses with this one."""
        return any(mine.overlaps(network) for mine in (self.nodes, self.pods, self.services))


def free_index(taken: Iterable[int], routes: Iterable[IPv4Network]) -> int:
    """Choose the lowest index that no cluster has and no route of the host overlaps.

    Raises LookupError when there is none.
    """
    used = set(taken)
    foreign = [route for route in routes if route.prefixlen]
    for index in range(MAX_CLUSTERS):
        plan = AddressPlan(index)
        if index not in used and not any(plan.overlaps(route) for route in foreign):
            return index
    raise LookupError("every address range for a local cluster is in use; take one down")
