"""spec.template: what users add to the pods of a database."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from schemas.api.fields import ObjectName, Part, SecretReference, Words, about
from schemas.api.pod import Affinity, Toleration, TopologySpreadConstraint


class ServiceAccount(Part, frozen=True, kw_only=True):
    """The accounts that the database's pods run as."""

    annotations: Annotated[
        Words | UnsetType,
        about("Annotations added to the accounts, such as those by which a cloud gives pods its identities."),
    ] = UNSET


class Template(Part, frozen=True, kw_only=True):
    """Labels, annotations and scheduling rules added to the pods of the database."""

    labels: Annotated[Words | UnsetType, about("Labels added to every pod.")] = UNSET
    annotations: Annotated[Words | UnsetType, about("Annotations added to every pod.")] = UNSET
    node_selector: Annotated[
        Words | UnsetType, about("Labels that a node must have to run an instance.", map_type="atomic")
    ] = UNSET
    tolerations: Annotated[
        list[Toleration] | UnsetType, about("Taints that the pods tolerate, as in a pod.", list_type="atomic")
    ] = UNSET
    affinity: Annotated[Affinity | UnsetType, about("Node and pod affinity, as in a pod.")] = UNSET
    topology_spread_constraints: Annotated[
        list[TopologySpreadConstraint] | UnsetType,
        about(
            "As in a pod; replaces keddah's own constraint, which spreads instances over nodes.",
            list_type="atomic",
        ),
    ] = UNSET
    priority_class_name: Annotated[ObjectName | UnsetType, about("PriorityClass of the pods.")] = UNSET
    service_account: Annotated[
        ServiceAccount | UnsetType, about("The accounts of the pods: of the instances, and of backups.")
    ] = UNSET
    image_pull_secrets: Annotated[
        list[SecretReference] | UnsetType,
        about(
            "Secrets of this namespace with which the image is pulled. The policy gives the default.",
            list_type="map",
            list_map_keys=["name"],
        ),
    ] = UNSET
