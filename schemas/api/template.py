"""spec.template: what users add to the pods of a database."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from schemas.api.containers import Container, EnvVar, Volume, VolumeMount
from schemas.api.fields import ObjectName, Part, SecretReference, Words, about
from schemas.api.pod import Affinity, Toleration, TopologySpreadConstraint


class ServiceAccount(Part, frozen=True, kw_only=True):
    """The accounts that the database's pods run as."""

    annotations: Annotated[
        Words | UnsetType,
        about("Annotations added to the accounts, such as those by which a cloud gives pods its identities."),
    ] = UNSET


class Template(Part, frozen=True, kw_only=True):
    """What is added to the pods of the database, in the words of a pod."""

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
    env: Annotated[
        list[EnvVar] | UnsetType,
        about("Environment variables added to the database container.", list_type="atomic"),
    ] = UNSET
    volumes: Annotated[
        list[Volume] | UnsetType,
        about(
            "Volumes added to the pods of instances, of the kinds that Pod Security `restricted` allows.",
            list_type="atomic",
        ),
    ] = UNSET
    volume_mounts: Annotated[
        list[VolumeMount] | UnsetType,
        about("Where the database container has these volumes.", list_type="atomic"),
    ] = UNSET
    sidecars: Annotated[
        list[Container] | UnsetType,
        about(
            "Containers beside PostgreSQL, which start before it and end after it (init containers with"
            " restartPolicy Always), under Pod Security `restricted`.",
            list_type="atomic",
        ),
    ] = UNSET
