"""Why an instance does not start, beyond what its pod says: from the end of its log, or for want of a Secret.

Only words that PostgreSQL has for damaged data are taken for damage. A server also fails to start for want
of memory, room or a permission, and its data is as good as before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from controller.kube.objects import Manifest
from controller.observe.instances.instance import Instance
from controller.observe.instances.logged import last_words
from controller.observe.instances.pods import NOT_PULLED, Trouble
from controller.protocol.member import container

_OF_CONNECTIONS = re.compile(
    r"the database system is |terminating |sorry, too many "
    r"|.*(?:authentication failed|pg_hba\.conf|connection)"
    r"|could not (?:connect to the primary|receive data from WAL|start WAL streaming)"
    r"|(?:role|database) \".*\" does not exist"
)
"""FATAL messages of sessions and of the WAL receiver, which end themselves and not the server."""
_ENVIRONMENT: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"Cannot allocate memory|out of memory|could not (?:map|create|resize) .*shared memory"),
        "its node or its limits lack the memory or the huge pages that the parameters ask for",
    ),
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        "its volume is full: increase spec.storage.size",
    ),
    (
        re.compile(r"Read-only file system"),
        "its volume is mounted read-only: see the kernel log of its node",
    ),
    (
        re.compile(r"Permission denied|Operation not permitted|has (?:invalid permissions|wrong ownership)"),
        "the mode or the owner of its files was changed: change it back",
    ),
    (
        re.compile(r"Input/output error"),
        "its volume cannot be read: see the storage, and the kernel log of its node",
    ),
)
"""What the volume, the kernel or the limits refuse, and what to do. While a log has any of it, nothing in it
tells of damage: a file that could not be read is not missing."""
_DAMAGED = re.compile(
    r"could not (?:locate|find|read) .*(?:checkpoint record|redo location)"
    r"|incorrect checksum in control file|could not read file \"global/pg_control\": read"
    r"|(?:WAL contains references to invalid pages|invalid page in block )"
    r"|could not read blocks? .*: read only "
    r"|could not access status of transaction "
    r"|could not (?:open|read|stat) (?:file|directory) \"(?!pg_tblspc)(?:base|global|pg_[a-z_]+)[^\"]*\":"
    r" (?:No such file or directory|read )"
    r"|required WAL directory .* does not exist|is not a valid data directory"
    r"|relation mapping file .*contains (?:invalid data|incorrect checksum)"
    r"|invalid data in file |has wrong magic number|checksum mismatch for "
)
"""PostgreSQL 17 and 18: xlogrecovery.c, xlog.c, xlogutils.c, bufmgr.c, md.c, slru.c, relmapper.c, miscinit.c,
slot.c, origin.c. A tablespace may lie on a volume that is only not mounted."""


@dataclass(frozen=True, slots=True)
class StartFailure:
    """What the server said last, and what follows from it."""

    words: str
    damaged: bool
    """Whether it is evidence of damaged data."""
    advice: str = ""
    """What a person can do; "" where it is not known."""


def start_failure(log: str) -> StartFailure | None:
    """Read why the server does not start from the end of its log; None if that does not say."""
    said = [words for words in last_words(log) if not _OF_CONNECTIONS.match(words)]
    if not said:
        return None
    for words, advice in _ENVIRONMENT:
        if words.search(log):
            return StartFailure(said[-1], damaged=False, advice=advice)
    return StartFailure(said[-1], damaged=_DAMAGED.search(said[-1]) is not None)


def explained(instance: Instance, failure: StartFailure | None) -> Trouble | None:
    """Return the trouble of an instance whose server does not start, in its own words where it has some."""
    if failure is None or instance.trouble is None or instance.trouble.reason != "ServerNotStarting":
        return instance.trouble
    todo = f" ({failure.advice})" if failure.advice else ""
    kept = "" if failure.damaged else "; its data is kept"
    return Trouble("ServerNotStarting", f"its server does not start: {failure.words}{todo}{kept}")


def pull_secrets(instances: Iterable[Instance], pods: Mapping[str, Manifest]) -> dict[str, tuple[str, ...]]:
    """Return the Secrets, by instance, of those whose image is not pulled."""
    return {
        i.name: _pulled_with(pods.get(i.name, {}))
        for i in instances
        if i.trouble is not None and i.trouble.reason == NOT_PULLED
    }


def without_secrets(instance: Instance, secrets: Iterable[str], there: Collection[str]) -> Instance:
    """Add to an instance's trouble which Secrets are missing: the kubelet says so in an event alone."""
    missing = [name for name in secrets if name not in there]
    if not missing or instance.trouble is None:
        return instance
    told = ", ".join(missing)
    message = f"{instance.trouble.message}; imagePullSecrets: this namespace has no Secret {told}"
    return replace(instance, trouble=replace(instance.trouble, message=message))


def creating(instance: Instance, pod: Manifest) -> bool:
    """Whether the kubelet has not made an instance's containers yet, for no reason that it tells of."""
    waiting = (container(pod.get("status") or {}).get("state") or {}).get("waiting") or {}
    return instance.trouble is None and waiting.get("reason") in ("ContainerCreating", "PodInitializing")


def mounted(template: object) -> list[tuple[str, str]]:
    """Return the Secrets and ConfigMaps, by kind and name, that pods of a declared template need to start."""
    given = template.get("volumes") if isinstance(template, dict) else None
    found: list[tuple[str, str]] = []
    for volume in given if isinstance(given, list) else []:
        sources = (volume.get("projected") or {}).get("sources") or []
        for each in (volume, *sources):
            for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
                source = each.get(field) or {}
                name = source.get("secretName") or source.get("name")
                if name and not source.get("optional"):
                    found.append((kind, name))
    return list(dict.fromkeys(found))


def not_mounted(instance: Instance, missing: Iterable[tuple[str, str]]) -> Instance:
    """Say what an instance waits for, which the kubelet says in an event alone."""
    told = ", ".join(f"{kind} {name}" for kind, name in missing)
    message = f"it cannot start: template.volumes: this namespace has no {told}"
    return replace(instance, trouble=Trouble("VolumeNotMounted", message)) if told else instance


def _pulled_with(pod: Manifest) -> tuple[str, ...]:
    """Return the names of the Secrets with which a pod's images are pulled."""
    secrets = (pod.get("spec") or {}).get("imagePullSecrets") or []
    return tuple(secret["name"] for secret in secrets if secret.get("name"))
