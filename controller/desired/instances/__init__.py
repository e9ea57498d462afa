"""What should exist for the instances: the pods that run PostgreSQL, and what they and their clients need."""

from __future__ import annotations

import msgspec

from controller.desired.instances.account import account
from controller.desired.instances.patroni import configuration
from controller.desired.instances.pod import pod_template, starts
from controller.desired.instances.policies import disruption_budget, network_policy
from controller.desired.instances.services import services
from controller.desired.instances.statefulset import statefulset
from controller.desired.repository import enabled
from controller.desired.repository.pod import has_sidecar
from controller.kube.objects import Manifest
from controller.protocol.member import CONTAINER
from schemas.api.fields import ResourceRequirements
from schemas.api.types import PostgreSQLDatabase


def children(
    db: PostgreSQLDatabase,
    image: str,
    *,
    instances: int,
    operator_namespace: str,
    claim_template: Manifest | None = None,
    volume: int | None = None,
    members: int = 0,
    maximum: int = 1,
    paused: bool = False,
    template: Manifest | None = None,
    file: str | None = None,
    issued: bool = False,
    certified: bool = True,
) -> tuple[Manifest, ...]:
    """Return every child of the instances but the Secrets, in the order to apply them.

    `instances` is how many pods there should be now (none while hibernated), `claim_template` the one
    of the existing StatefulSet (None if there is none), `volume` the bytes of the smallest
    volume (None as long as none exists), `members` how many instances have one. `maximum` is the policy's
    maximum of replicas: Patroni gets permissions for that many pods at once, so scaling does not change its
    Role.
    `paused` keeps Patroni's pause, which only the user who requested it may end. `template` and `file` are
    the pod template and Patroni's file that an earlier release made, while the pods are to stay as they are.
    `issued`: whether every pod has the files of an issuer's certificate.
    `certified` is whether all pods that are there can show a certificate to the primary.
    """
    members = max(instances, members, db.spec.replicas if isinstance(db.spec.replicas, int) else 0)
    serviceaccount, role, binding = account(db, maximum=max(maximum, members))
    pods = template or pod_template(db, image)
    return (
        serviceaccount,
        role,
        configuration(
            as_large_as(pods, db),
            instances=instances,
            members=members,
            volume=volume,
            paused=paused,
            file=file,
            # Pods of an earlier release have nothing to archive with: the WAL would only fill their volumes.
            archiving=enabled(db) and has_sidecar(pods),
            starts=starts(pods),
            issued=issued,
            certified=certified,
        ),
        *services(db),
        disruption_budget(db),
        network_policy(db, operator_namespace=operator_namespace),
        # After the Role that it refers to, and after the children that can be written concurrently.
        binding,
        statefulset(db, pods, instances=instances, claim_template=claim_template),
    )


def as_large_as(pods: Manifest, db: PostgreSQLDatabase) -> PostgreSQLDatabase:
    """Return the database with the resources that its pods get: PostgreSQL's memory follows from them.

    They differ from what is declared while the pods are made from a former template.
    """
    given = next(
        each.get("resources") or {} for each in pods["spec"]["containers"] if each["name"] == CONTAINER
    )
    resources = msgspec.convert(given, ResourceRequirements)
    return msgspec.structs.replace(db, spec=msgspec.structs.replace(db.spec, resources=resources))
