"""Reads manifests into the values of an observed state; unreadable parts count as absent."""

from __future__ import annotations

from collections.abc import Mapping

from controller.desired import names
from controller.desired.instances.pod import CONFIGURATION_HASH
from controller.desired.labels import APPLICATION, DATABASE
from controller.kube.kinds import EMPTYING
from controller.kube.objects import Manifest, condition_of
from controller.observe.instances import pods
from controller.observe.instances.instance import REBUILDS, ROLE_LABEL, Instance
from controller.observe.state import DISCARD, Claim, Leadership, Node, StorageClass, ordinal
from controller.protocol import member as protocol
from controller.protocol.exporter import QUERIES_ARGUMENT

REVISION_LABEL = "controller-revision-hash"


def instance(pod: Manifest) -> Instance:
    """Read a pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    labels = metadata.get("labels") or {}
    member = pods.member(metadata)
    report = pods.report(member)
    role = labels.get(ROLE_LABEL)
    container = protocol.container(status)
    deleting = "deletionTimestamp" in metadata
    return Instance(
        name=metadata["name"],
        uid=metadata["uid"],
        ordinal=ordinal(metadata["name"]),
        ip=status.get("podIP", ""),
        node=(pod.get("spec") or {}).get("nodeName", ""),
        revision=labels.get(REVISION_LABEL, ""),
        deleting=deleting,
        ready=condition_of(status, "Ready").get("status") == "True",
        role=role if role in ("primary", "standby") else None,
        state=member.get("state", ""),
        streaming=member.get("replication_state") == "streaming",
        position=pods.position(member.get("xlog_location")),
        pending_restart=pods.pending_restart(member),
        start_id=container.get("containerID", ""),
        ended=pods.end(protocol.termination(container)),
        shares_processes=(pod.get("spec") or {}).get("shareProcessNamespace") is True,
        trouble=pods.trouble(status, container, member)
        or (None if deleting else pods.trouble_beside(status, container)),
        beside=not deleting and pods.beside(status, container),
        timeline=pods.position(member.get("timeline")),
        rebuilds=pods.number((metadata.get("annotations") or {}).get(REBUILDS)),
        started_at=protocol.moment(status.get("startTime")),
        running_since=protocol.moment(((container.get("state") or {}).get("running") or {}).get("startedAt")),
        ended_at=protocol.moment(protocol.termination(container).get("finishedAt")),
        last_end=pods.end(pods.last_termination(container)),
        last_end_at=protocol.moment(pods.last_termination(container).get("finishedAt")),
        disk_full=report.disk_full,
        room=report.room,
        configuration=report.configuration,
        slots=report.slots,
        damage=report.damage,
        copy=report.copy,
        crashed_at=protocol.moment(report.crashed),
        archiving=report.archiving,
        killed_at=protocol.moment(report.killed),
        restoring=report.restoring,
        replaced=report.replaced,
        file=str((metadata.get("annotations") or {}).get(CONFIGURATION_HASH, "")),
        access=report.access,
        queries=report.queries,
        asks=_asks(pod.get("spec") or {}),
        last_words=str(pods.last_termination(container).get("message") or ""),
    )


def _asks(spec: Manifest) -> frozenset[str]:
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return frozenset(
        each
        for container in containers
        for each in container.get("args") or []
        if each.startswith(QUERIES_ARGUMENT)
    )


def leadership(config_maps: Mapping[str, Manifest], scope: str) -> Leadership:
    """Read Patroni's ConfigMaps of one scope."""

    def metadata(name: str) -> Manifest:
        return config_maps.get(name, {}).get("metadata") or {}

    def annotations(name: str) -> dict[str, str]:
        return metadata(name).get("annotations") or {}

    lock, config = annotations(names.lock(scope)), annotations(names.config(scope))
    sync = annotations(names.sync(scope))
    version = metadata(names.lock(scope)).get("resourceVersion", "")
    listed = (name.strip() for name in sync.get("sync_standby", "").split(","))
    standbys = frozenset(name for name in listed if name)
    quorum = sync.get("quorum", "")
    return Leadership(
        holder=lock.get("leader") or None,
        synchronous=standbys,
        last_primary=sync.get("leader") or None,
        alone=bool(sync.get("leader")) and not standbys,
        quorum=int(quorum) if quorum.isdecimal() else 0,
        initialized=bool(config.get("initialize") or lock),
        identifier=config.get("initialize", ""),
        paused=pods.parsed(config.get("config")).get("pause") is True,
        lock_version=version,
        acquired=protocol.moment(lock.get("acquireTime")),
        renewed=protocol.moment(lock.get("renewTime")),
    )


def configuration(config_maps: Mapping[str, Manifest], scope: str) -> str:
    """Return the version of the configuration that Patroni is to apply; "" where there is none."""
    annotations = config_maps.get(names.config(scope), {}).get("metadata", {}).get("annotations") or {}
    return protocol.configuration_version(pods.parsed(annotations.get("config")))


def claim(manifest: Manifest) -> Claim:
    """Read a volume claim."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    labels = manifest["metadata"].get("labels") or {}
    return Claim(
        name=manifest["metadata"]["name"],
        uid=manifest["metadata"]["uid"],
        ordinal=ordinal(manifest["metadata"]["name"]),
        requested=spec["resources"]["requests"]["storage"],
        capacity=(status.get("capacity") or {}).get("storage"),
        bound=status.get("phase") == "Bound",
        storage_class=spec.get("storageClassName"),
        discard=(manifest["metadata"].get("annotations") or {}).get(DISCARD, ""),
        deleting="deletionTimestamp" in manifest["metadata"],
        prunable=labels.get(APPLICATION) == labels.get(DATABASE, ""),
        resize=(status.get("allocatedResourceStatuses") or {}).get("storage", ""),
        resize_since=_resizing(status.get("conditions") or []),
    )


def _resizing(conditions: list[Manifest]) -> str:
    """Say since when a volume is being resized, and what went wrong (PersistentVolumeClaimCondition)."""
    words = [
        f"{condition['type']} since {condition.get('lastTransitionTime') or 'a moment ago'}"
        + (f": {condition['message']}" if condition.get("message") else "")
        for condition in conditions
        if condition.get("status") == "True"
    ]
    return f"({'; '.join(words)})" if words else ""


def storage_class(manifest: Manifest) -> StorageClass:
    """Read a StorageClass."""
    return StorageClass(expandable=manifest.get("allowVolumeExpansion") is True)


def node(manifest: Manifest) -> Node:
    """Read a node."""
    spec = manifest.get("spec") or {}
    ready = condition_of(manifest.get("status") or {}, "Ready").get("status") == "True"
    leaving = any(taint["key"] in EMPTYING for taint in spec.get("taints") or [])
    return Node(ready, cordoned=leaving or spec.get("unschedulable") is True)
