"""spec.network: from where clients may connect, in the words of a NetworkPolicy (networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from schemas.api.fields import Part, about
from schemas.api.pod import LabelSelector

_MOST_CLIENTS = 64
_MOST_WORDS = 64

Range = Annotated[str, Meta(max_length=64)]
Ranges = Annotated[list[Range], Meta(max_length=_MOST_WORDS)]


class IPBlock(Part, frozen=True, kw_only=True):
    """Addresses outside the cluster."""

    cidr: Annotated[Range, about("Range of addresses, such as 10.0.0.0/8 or 2001:db8::/64.")]
    except_: Annotated[
        Ranges | UnsetType, about("Ranges within it that may not connect.", list_type="atomic")
    ] = field(name="except", default=UNSET)


class Client(Part, frozen=True, kw_only=True):
    """Who may connect: pods, by their labels and their namespace's, or addresses."""

    pod_selector: Annotated[
        LabelSelector | UnsetType,
        about("Pods: of the database's own namespace, or of those that namespaceSelector selects."),
    ] = UNSET
    namespace_selector: Annotated[
        LabelSelector | UnsetType, about("Namespaces, all of their pods unless podSelector is given too.")
    ] = UNSET
    ip_block: Annotated[IPBlock | UnsetType, about("Addresses; alone, without a selector.")] = UNSET


Clients = Annotated[list[Client], Meta(max_length=_MOST_CLIENTS)]


class Network(Part, frozen=True, kw_only=True):
    """Who reaches the database over the network, as far as the cluster's network plugin enforces it."""

    clients: Annotated[
        Clients | UnsetType,
        about(
            "Who may connect to PostgreSQL's port, as the peers of a NetworkPolicy: everybody when absent, "
            "nobody when empty. The instances always reach each other.",
            list_type="atomic",
        ),
    ] = UNSET
