"""The API `postgresqldatabases.keddah.dev/v1alpha1`, declared once.

Descriptions are what `kubectl explain` prints. Bounds, enums and static defaults become the CRD's schema. A
title is used in error messages, for what a value must be. A field whose default comes from the policy has no
default here: the API server fills in static defaults before it calls any webhook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from schemas.api.access import Databases, DatabaseStatus, Roles, RoleStatus
from schemas.api.backup import Backup, Backups, Restore
from schemas.api.fields import (
    Count,
    Identifier,
    Instances,
    Lines,
    Moment,
    ObjectName,
    Part,
    Quantity,
    ResourceRequirements,
    Schedule,
    Settings,
    VersionText,
    about,
)
from schemas.api.metadata import Metadata
from schemas.api.monitoring import Monitoring
from schemas.api.network import Network
from schemas.api.services import TLS, Services
from schemas.api.template import Template
from schemas.records import Logging

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "keddah.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "PostgreSQLDatabase"
PLURAL = "postgresqldatabases"
SINGULAR = "postgresqldatabase"
SHORT_NAME = "pgdb"

Synchronous = Literal["Quorum", "Strict", "Off"]
DeletionPolicy = Literal["Retain", "Delete"]


class Storage(Part, frozen=True, kw_only=True):
    """The volume of one instance."""

    size: Annotated[
        Quantity | UnsetType,
        about("Size of one instance's volume, such as 10Gi. It never shrinks below what the volumes have."),
    ] = UNSET
    storage_class_name: Annotated[
        ObjectName | UnsetType,
        about("StorageClass of the volumes; the cluster's default class when absent. Cannot change."),
    ] = UNSET


class Spec(Part, frozen=True, kw_only=True):
    """Desired state of the database. An empty spec is valid."""

    version: Annotated[
        VersionText | UnsetType,
        about(
            'PostgreSQL version: "17" follows the newest minor that the policy allows, "17.6" is pinned. '
            "It can go up, never down. The policy gives the default."
        ),
    ] = UNSET
    replicas: Annotated[
        Instances | UnsetType,
        about("Number of instances, the primary included. The policy gives bounds and default."),
    ] = UNSET
    backup_schedule: Annotated[
        Schedule | UnsetType,
        about(
            "When backups are made, in the five-field cron dialect of CronJob, read in backup.timeZone; "
            '"" for no backups and no archived WAL. By default daily, spread by namespace and name.'
        ),
    ] = UNSET
    database: Annotated[
        Identifier, about("Name of the database that is created for the application. Cannot change.")
    ] = "app"
    owner: Annotated[Identifier, about("Role that owns that database. Cannot change.")] = "app"
    databases: Annotated[
        Databases,
        about(
            "Databases in the server; an entry of the name in spec.database adds to that one.",
            list_type="map",
            list_map_keys=["name"],
        ),
    ] = field(default_factory=list)
    roles: Annotated[
        Roles,
        about(
            "Roles in the server; an entry of the name in spec.owner adds to that one. A role that is taken"
            " out is dropped, and what it owns becomes that of spec.owner.",
            list_type="map",
            list_map_keys=["name"],
        ),
    ] = field(default_factory=list)
    storage: Annotated[Storage, about("The volume of each instance.")] = field(default_factory=Storage)
    resources: Annotated[
        ResourceRequirements | UnsetType,
        about("CPU and memory of each instance. A change restarts instances, standbys first."),
    ] = UNSET
    parameters: Annotated[
        Settings,
        about(
            "PostgreSQL configuration parameters, name to value, both strings. A change reloads or, where "
            "PostgreSQL needs it, restarts instances, standbys first."
        ),
    ] = field(default_factory=dict)
    hba: Annotated[
        Lines,
        about(
            "Lines of pg_hba.conf, added after keddah's own and before its last line, which requires SCRAM.",
            list_type="atomic",
        ),
    ] = field(default_factory=list)
    network: Network = field(default_factory=Network)
    services: Annotated[
        Services | UnsetType, about("How applications outside of the cluster reach the database.")
    ] = UNSET
    tls: Annotated[TLS | UnsetType, about("The certificate that the instances show.")] = UNSET
    monitoring: Annotated[Monitoring | UnsetType, about("The metrics of the instances.")] = UNSET
    logging: Annotated[
        Logging,
        about(
            "How PostgreSQL, Patroni and the programs of backups log: JSON, an object a line, or Text. "
            "A change restarts nothing."
        ),
    ] = "JSON"
    synchronous: Annotated[
        Synchronous,
        about(
            "Quorum: a commit waits for a standby, and goes on without one if none is left. "
            "Strict: a commit never goes on without a standby. Off: a commit waits for none and can be "
            "lost in a failover."
        ),
    ] = "Quorum"
    backup: Annotated[Backup, about("How backups are made and kept.")] = field(default_factory=Backup)
    restore: Annotated[
        Restore | UnsetType, about("Start from another database's backups. Only at creation.")
    ] = UNSET
    deletion_policy: Annotated[
        DeletionPolicy,
        about(
            "Retain: after this object is deleted its volumes, credentials and Patroni's state stay, "
            "and a new object of the same name takes them up again. Delete: they are deleted with it."
        ),
    ] = "Retain"
    deletion_protection: Annotated[bool, about("True refuses the deletion of this object.")] = False
    hibernated: Annotated[
        bool, about("True removes the pods and keeps the volumes; false brings the pods back.")
    ] = False
    template: Annotated[
        Template | UnsetType, about("What is added to the pods: labels, scheduling rules, volumes, sidecars.")
    ] = UNSET


class Condition(Part, frozen=True, kw_only=True):
    """One aspect of the database's state, as in every Kubernetes object."""

    type: Annotated[
        str,
        about(
            "Ready, Reconciling, Stalled, Replicated, UpToDate, BackedUp, ArchivingWAL, Provisioned or"
            " Monitored."
        ),
    ]
    status: Annotated[Literal["True", "False", "Unknown"], about("Whether it holds.")]
    reason: Annotated[str, Meta(description="Reason, a fixed CamelCase word.", min_length=1, max_length=1024)]
    message: Annotated[str, Meta(description="Human-readable details.", max_length=32768)] = ""
    last_transition_time: Annotated[Moment, about("When status last changed, RFC 3339.")]
    observed_generation: Annotated[
        int | UnsetType, about("metadata.generation that this condition refers to.")
    ] = UNSET


class RequestStatus(Part, frozen=True, kw_only=True):
    """What became of the newest request of one annotation."""

    name: Annotated[str, about("The annotation, such as switchover-now, without its prefix keddah.dev/.")]
    id: Annotated[str, about("What it asked for: the id that is its value, /INSTANCE included.")]
    state: Annotated[Literal["UnderWay", "Done", "Refused"], about("How it is.")]
    time: Annotated[Moment, about("Since when it is so, RFC 3339.")]
    message: Annotated[str, Meta(description="What was done, or why not.", max_length=4096)]


class Status(Part, frozen=True, kw_only=True):
    """Observed state of the database."""

    ready_replicas: Annotated[Count, about("Instances that answer queries.")] = 0
    current_version: Annotated[
        str | UnsetType, about('Version that the primary reports, such as "17.6".')
    ] = UNSET
    last_backup_time: Annotated[
        Moment | UnsetType, about("When the newest good backup ended, RFC 3339. Never moves back.")
    ] = UNSET
    backups: Annotated[
        Backups | UnsetType, about("What the repository holds, as the newest run found it.")
    ] = UNSET
    replicas: Annotated[Count, about("Instances that exist.")] = 0
    ready: Annotated[
        str | UnsetType, about("Ready and desired instances, such as 3/3; shown in the column READY.")
    ] = UNSET
    selector: Annotated[str, about("Label selector of the pods, for the scale subresource.")] = ""
    primary: Annotated[str | UnsetType, about("Pod that accepts writes.")] = UNSET
    volume_size: Annotated[
        str | UnsetType, about("Size of the largest volume; storage.size can go back down to it.")
    ] = UNSET
    parameters: Annotated[
        Settings | UnsetType,
        about(
            "PostgreSQL parameters that keddah derives from the resources and the volumes, and that "
            "spec.parameters does not name. The others are PostgreSQL's own."
        ),
    ] = UNSET
    observed_generation: Annotated[
        int | UnsetType, about("metadata.generation that was last fully processed.")
    ] = UNSET
    databases: Annotated[
        list[DatabaseStatus],
        about("What became of spec.databases.", list_type="map", list_map_keys=["name"]),
    ] = field(default_factory=list)
    roles: Annotated[
        list[RoleStatus],
        about("What became of spec.roles.", list_type="map", list_map_keys=["name"]),
    ] = field(default_factory=list)
    requests: Annotated[
        list[RequestStatus],
        about(
            "What became of switchovers, restarts, reloads and pauses that annotations asked for.",
            list_type="map",
            list_map_keys=["name"],
        ),
    ] = field(default_factory=list)
    conditions: Annotated[
        list[Condition],
        about("Aspects of the state, one entry for each type.", list_type="map", list_map_keys=["type"]),
    ] = field(default_factory=list)

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of this type, if it was reported."""
        return next((condition for condition in self.conditions if condition.type == kind), None)


class PostgreSQLDatabase(Part, frozen=True, kw_only=True):
    """A highly available PostgreSQL database."""

    api_version: str = API_VERSION
    kind: str = KIND
    metadata: Metadata = field(default_factory=Metadata)
    spec: Annotated[Spec, about("Desired state of the database; {} is valid.")] = field(default_factory=Spec)
    status: Annotated[Status, about("Observed state of the database; written by the controller.")] = field(
        default_factory=Status
    )


def decode(manifest: Mapping[str, Any]) -> PostgreSQLDatabase:
    """Read a stored object into types; raises msgspec.ValidationError where its structure is wrong."""
    return msgspec.convert(manifest, PostgreSQLDatabase)
