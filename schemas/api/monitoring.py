"""spec.monitoring: the metrics of the instances."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from schemas.api.fields import ObjectName, Part, about
from schemas.api.network import Clients

_MOST_QUERIES = 16


class CustomQueries(Part, frozen=True, kw_only=True):
    """Queries of a user's, in an entry of a ConfigMap of the database's own namespace."""

    config_map: Annotated[ObjectName, about("Name of the ConfigMap.")]
    key: Annotated[
        str,
        Meta(
            description="Its entry: queries as in postgres_exporter's queries.yaml.",
            min_length=1,
            max_length=253,
        ),
    ] = "queries.yaml"


class Monitoring(Part, frozen=True, kw_only=True):
    """The metrics of the instances."""

    enabled: Annotated[
        bool,
        about(
            "Whether each instance has an exporter beside it, on the port metrics (8187) of its pod. A change"
            " restarts instances, standbys first."
        ),
    ] = True
    queries: Annotated[
        Annotated[list[CustomQueries], Meta(max_length=_MOST_QUERIES)],
        about(
            "Further queries, run as the role keddah_exporter, which may read statistics and what is granted"
            " to it. A change of this list restarts instances, standbys first; one of a ConfigMap none.",
            list_type="atomic",
        ),
    ] = field(default_factory=list)
    clients: Annotated[
        Clients | UnsetType,
        about(
            "Who may read the metrics, as the peers of a NetworkPolicy; when absent, pods of any namespace"
            " with the label app.kubernetes.io/name: prometheus.",
            list_type="atomic",
        ),
    ] = UNSET
