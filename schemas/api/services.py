"""spec.services and spec.tls: how applications outside of the cluster reach a database, and verify it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.api.fields import LabelKey, ObjectName, Part, Port, Words, about
from schemas.api.network import Ranges

_MOST_NAMES = 32

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]
FamilyPolicy = Literal["SingleStack", "PreferDualStack", "RequireDualStack"]
Families = Annotated[list[Literal["IPv4", "IPv6"]], Meta(min_length=1, max_length=2)]
TrafficPolicy = Literal["Cluster", "Local"]


class Service(Part, frozen=True, kw_only=True):
    """How one of the two Services is reached, in the words of a Service (v1)."""

    type: Annotated[
        ServiceType,
        about(
            "ClusterIP: from within the cluster. NodePort: at a port of every node. LoadBalancer: by a load"
            " balancer of the cluster's provider."
        ),
    ] = "ClusterIP"
    annotations: Annotated[
        Words | UnsetType,
        about("Annotations added to the Service, such as those by which providers set load balancers up."),
    ] = UNSET
    source_ranges: Annotated[
        Ranges | UnsetType,
        about(
            "Ranges of addresses from which the load balancer takes connections; all when absent.",
            list_type="atomic",
        ),
    ] = UNSET
    load_balancer_class: Annotated[
        LabelKey | UnsetType,
        about(
            "Which implementation makes the load balancer; the provider's default when absent. Cannot change"
            " while the type is LoadBalancer."
        ),
    ] = UNSET
    node_port: Annotated[Port | UnsetType, about("Port of every node; one that is free when absent.")] = UNSET
    external_traffic_policy: Annotated[
        TrafficPolicy | UnsetType,
        about(
            "Local: only nodes with the instance answer, and PostgreSQL sees the clients' own addresses, so"
            " that hba can name them. Cluster, the default: every node answers."
        ),
    ] = UNSET


class Services(Part, frozen=True, kw_only=True):
    """The Services for applications: of the primary, and of the standbys."""

    primary: Annotated[Service | UnsetType, about("The Service that leads to the primary.")] = UNSET
    standbys: Annotated[Service | UnsetType, about("The Service NAME-ro, that leads to the standbys.")] = (
        UNSET
    )
    ip_family_policy: Annotated[
        FamilyPolicy | UnsetType,
        about(
            "Whether all Services of the database have addresses of one family or of both, as in a Service;"
            " the cluster's default when absent."
        ),
    ] = UNSET
    ip_families: Annotated[
        Families | UnsetType,
        about(
            "Families of their addresses, as in a Service. The first one cannot change.", list_type="atomic"
        ),
    ] = UNSET


ServerNames = Annotated[list[Annotated[str, Meta(max_length=253)]], Meta(max_length=_MOST_NAMES)]


class IssuerReference(Part, frozen=True, kw_only=True):
    """An issuer of cert-manager."""

    name: Annotated[ObjectName, about("Name of the issuer.")]
    kind: Annotated[
        Literal["Issuer", "ClusterIssuer"],
        about("Issuer: one of the database's namespace. ClusterIssuer: one of the cluster."),
    ] = "Issuer"
    group: Annotated[ObjectName, about("Group of the issuer's API.")] = "cert-manager.io"


class TLS(Part, frozen=True, kw_only=True):
    """The certificate that the instances show."""

    names: Annotated[
        ServerNames | UnsetType,
        about(
            "Host names and addresses besides the cluster's own, by which clients outside of it verify the"
            " server (sslmode=verify-full), such as db.example.com or *.db.example.com.",
            list_type="set",
        ),
    ] = UNSET
    issuer_ref: Annotated[
        IssuerReference | UnsetType,
        about(
            "cert-manager's issuer of the certificate that PostgreSQL shows to clients; the database's own CA"
            " when absent. A change restarts instances, standbys first."
        ),
    ] = UNSET
