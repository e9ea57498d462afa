"""The API `postgresqldatabases.keddah.dev/v1alpha1`, declared once.

Descriptions here are what `kubectl explain` prints; bounds, enums and static defaults here become the
CRD's schema. A field whose default the policy decides has none here: the API server fills static
defaults before it calls any webhook.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

GROUP = "keddah.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "PostgreSQLDatabase"
PLURAL = "postgresqldatabases"
SINGULAR = "postgresqldatabase"
SHORT_NAME = "pgdb"

Quantity = Annotated[str, Meta(pattern=r"^[+-]?[0-9.]+([eEinumkKMGTP]*[-+]?[0-9]*)$", max_length=64)]
Object = dict[str, Any]
ObjectName = Annotated[str, Meta(max_length=253)]
VersionText = Annotated[str, Meta(max_length=16)]
Schedule = Annotated[str, Meta(max_length=1024)]
Instances = Annotated[int, Meta(ge=1, le=2147483647)]


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A piece of the API: camelCase outside, snake_case inside, unknown fields pass by."""


class Storage(Part, frozen=True, kw_only=True):
    """The volume of one instance."""

    size: Annotated[
        Quantity | UnsetType,
        Meta(description="Size of one instance's volume, such as 10Gi. It can grow, never shrink."),
    ] = UNSET
    storage_class_name: Annotated[
        ObjectName | UnsetType,
        Meta(
            description="StorageClass of the volumes; the cluster's default class when absent. Cannot change."
        ),
    ] = UNSET


class ResourceRequirements(Part, frozen=True, kw_only=True):
    """CPU and memory of the database container, as in any container."""

    requests: Annotated[
        dict[str, Quantity | int] | UnsetType,
        Meta(description="What the scheduler reserves, by resource name."),
    ] = UNSET
    limits: Annotated[
        dict[str, Quantity | int] | UnsetType,
        Meta(
            description="What the container cannot exceed, by resource name. No CPU limit is the better choice."
        ),
    ] = UNSET


class VolumeRepository(Part, frozen=True, kw_only=True):
    """Backups on a volume of the cluster."""

    size: Annotated[
        Quantity, Meta(description="Size of the repository's volume. It can grow, never shrink.")
    ] = "10Gi"
    storage_class_name: Annotated[
        ObjectName | UnsetType, Meta(description="StorageClass of the repository's volume.")
    ] = UNSET


class SecretReference(Part, frozen=True, kw_only=True):
    """A Secret of the database's own namespace."""

    name: Annotated[str, Meta(description="Name of the Secret.", min_length=1, max_length=253)]


class S3Repository(Part, frozen=True, kw_only=True):
    """Backups in an S3 bucket."""

    bucket: Annotated[str, Meta(description="Name of the bucket.", min_length=3, max_length=63)]
    endpoint: Annotated[
        str, Meta(description="Host name, with port if needed, of the S3 service.", min_length=1)
    ]
    region: Annotated[str, Meta(description="Region of the bucket.")] = "us-east-1"
    path: Annotated[str, Meta(description="Folder in the bucket that holds this database's repository.")] = (
        "/"
    )
    credentials: Annotated[
        SecretReference, Meta(description="Secret with the keys accessKeyId and secretAccessKey.")
    ]


class Repository(Part, frozen=True, kw_only=True):
    """Where backups and archived WAL are kept. At most one kind is set."""

    volume: Annotated[
        VolumeRepository | UnsetType, Meta(description="A volume of the cluster, served by pgBackRest.")
    ] = UNSET
    s3: Annotated[S3Repository | UnsetType, Meta(description="A bucket of an S3 service.")] = UNSET


class Retention(Part, frozen=True, kw_only=True):
    """How long backups are kept."""

    full: Annotated[int, Meta(description="How many full backups are kept.", ge=1, le=9999)] = 7


class Backup(Part, frozen=True, kw_only=True):
    """How backups are made and kept."""

    time_zone: Annotated[
        str,
        Meta(
            description="IANA time zone in which backupSchedule is read, such as Europe/Berlin.",
            max_length=64,
        ),
    ] = "UTC"
    suspended: Annotated[
        bool, Meta(description="True stops scheduled backups; WAL goes on being archived.")
    ] = False
    retention: Annotated[Retention, Meta(description="How long backups are kept.")] = field(
        default_factory=Retention
    )
    repository: Annotated[
        Repository, Meta(description="Where backups are kept. Cannot change once it holds a backup.")
    ] = field(default_factory=Repository)


class Restore(Part, frozen=True, kw_only=True):
    """Start from another database's backups. Only at creation."""

    from_: Annotated[
        str, Meta(description="Name of the database, in the same namespace, whose backups are read.")
    ] = field(name="from")
    target_time: Annotated[
        str | UnsetType,
        Meta(description="RFC 3339 moment up to which changes are replayed; the newest when absent."),
    ] = UNSET


class Template(Part, frozen=True, kw_only=True):
    """What the pods of the database carry besides what keddah gives them."""

    labels: Annotated[dict[str, str] | UnsetType, Meta(description="Labels added to every pod.")] = UNSET
    annotations: Annotated[
        dict[str, str] | UnsetType, Meta(description="Annotations added to every pod.")
    ] = UNSET
    node_selector: Annotated[
        dict[str, str] | UnsetType, Meta(description="Labels that a node must have to run an instance.")
    ] = UNSET
    tolerations: Annotated[
        list[Object] | UnsetType, Meta(description="Taints that the pods tolerate, as in a pod.")
    ] = UNSET
    affinity: Annotated[Object | UnsetType, Meta(description="Node and pod affinity, as in a pod.")] = UNSET
    topology_spread_constraints: Annotated[
        list[Object] | UnsetType,
        Meta(
            description="As in a pod; replaces keddah's own constraint, which spreads instances over nodes."
        ),
    ] = UNSET
    priority_class_name: Annotated[ObjectName | UnsetType, Meta(description="PriorityClass of the pods.")] = (
        UNSET
    )


Synchronous = Literal["Quorum", "Strict", "Off"]
DeletionPolicy = Literal["Retain", "Delete"]
Identifier = Annotated[str, Meta(min_length=1, max_length=63)]


class Spec(Part, frozen=True, kw_only=True):
    """What the database should be. An empty spec is a valid database."""

    version: Annotated[
        VersionText | UnsetType,
        Meta(
            description='PostgreSQL version: "17" follows the newest minor that the policy allows, "17.6" is pinned. '
            "It can go up, never down. The policy gives the default."
        ),
    ] = UNSET
    replicas: Annotated[
        Instances | UnsetType,
        Meta(description="Number of instances, the primary included. The policy gives bounds and default."),
    ] = UNSET
    backup_schedule: Annotated[
        Schedule | UnsetType,
        Meta(
            description="When full backups are made, in the five-field cron dialect of CronJob, read in "
            'backup.timeZone; "" for none. By default daily, at a minute spread by namespace and name.'
        ),
    ] = UNSET
    database: Annotated[
        Identifier,
        Meta(description="Name of the database that is created for the application. Cannot change."),
    ] = "app"
    owner: Annotated[Identifier, Meta(description="Role that owns that database. Cannot change.")] = "app"
    storage: Annotated[Storage, Meta(description="The volume of each instance.")] = field(
        default_factory=Storage
    )
    resources: Annotated[
        ResourceRequirements | UnsetType,
        Meta(description="CPU and memory of each instance. A change restarts instances, standbys first."),
    ] = UNSET
    parameters: Annotated[
        dict[str, str],
        Meta(
            description="PostgreSQL configuration parameters, name to value. A change reloads or, where "
            "PostgreSQL needs it, restarts instances, standbys first."
        ),
    ] = field(default_factory=dict)
    hba: Annotated[
        list[str],
        Meta(
            description="Lines of pg_hba.conf, put behind keddah's own and before its last, which asks for SCRAM."
        ),
    ] = field(default_factory=list)
    synchronous: Annotated[
        Synchronous,
        Meta(
            description="Quorum: a commit waits for a standby, and goes on without one if none is left. "
            "Strict: a commit never goes on without a standby. Off: a commit waits for none and can be "
            "lost in a failover."
        ),
    ] = "Quorum"
    backup: Annotated[Backup, Meta(description="How backups are made and kept.")] = field(
        default_factory=Backup
    )
    restore: Annotated[
        Restore | UnsetType, Meta(description="Start from another database's backups. Only at creation.")
    ] = UNSET
    deletion_policy: Annotated[
        DeletionPolicy,
        Meta(
            description="Retain: after this object is deleted its volumes, credentials and Patroni's state stay, "
            "and a new object of the same name takes them up again. Delete: they are deleted with it."
        ),
    ] = "Retain"
    deletion_protection: Annotated[bool, Meta(description="True refuses the deletion of this object.")] = (
        False
    )
    hibernated: Annotated[
        bool, Meta(description="True removes the pods and keeps the volumes; false brings the pods back.")
    ] = False
    template: Annotated[
        Template | UnsetType, Meta(description="What the pods carry besides what keddah gives them.")
    ] = UNSET


class Condition(Part, frozen=True, kw_only=True):
    """One aspect of the database's state, as in every Kubernetes object."""

    type: Annotated[
        str, Meta(description="Ready, Reconciling, Stalled, Replicated, BackedUp or ArchivingWAL.")
    ]
    status: Annotated[Literal["True", "False", "Unknown"], Meta(description="Whether it holds.")]
    reason: Annotated[str, Meta(description="Fixed CamelCase word for why.", min_length=1, max_length=1024)]
    message: Annotated[str, Meta(description="The same for people, with figures.", max_length=32768)] = ""
    last_transition_time: Annotated[str, Meta(description="When status last changed, RFC 3339.")]
    observed_generation: Annotated[
        int | UnsetType, Meta(description="metadata.generation that this was judged by.")
    ] = UNSET


class Status(Part, frozen=True, kw_only=True):
    """What the database is."""

    ready_replicas: Annotated[int, Meta(description="Instances that answer queries.")] = 0
    current_version: Annotated[
        str | UnsetType, Meta(description='Version that the primary reports, such as "17.6".')
    ] = UNSET
    last_backup_time: Annotated[
        str | UnsetType, Meta(description="When the newest good backup ended, RFC 3339. Never moves back.")
    ] = UNSET
    replicas: Annotated[int, Meta(description="Instances that exist.")] = 0
    selector: Annotated[str, Meta(description="Label selector of the pods, for the scale subresource.")] = ""
    primary: Annotated[str | UnsetType, Meta(description="Pod that accepts writes.")] = UNSET
    observed_generation: Annotated[
        int | UnsetType, Meta(description="metadata.generation that was last fully judged.")
    ] = UNSET
    conditions: Annotated[list[Condition], Meta(description="Aspects of the state, one entry a type.")] = (
        field(default_factory=list)
    )


class Metadata(Part, frozen=True, kw_only=True):
    """The parts of ObjectMeta that keddah reads."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deletion_timestamp: str | UnsetType = UNSET
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    finalizers: list[str] = field(default_factory=list)


class PostgreSQLDatabase(Part, frozen=True, kw_only=True):
    """A highly available, backed-up PostgreSQL database."""

    api_version: str = API_VERSION
    kind: str = KIND
    metadata: Metadata = field(default_factory=Metadata)
    spec: Annotated[Spec, Meta(description="What the database should be.")] = field(default_factory=Spec)
    status: Annotated[Status, Meta(description="What the database is; written by the controller.")] = field(
        default_factory=Status
    )


def decode(manifest: Object) -> PostgreSQLDatabase:
    """Read a stored object into types; raises msgspec.ValidationError where its structure is wrong."""
    return msgspec.convert(manifest, PostgreSQLDatabase)
