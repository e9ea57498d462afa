"""Pods that Kubernetes does not create: what is missing, why, and what would be refused; pure.

The StatefulSet's status says nothing of it. Its controller writes an event for every attempt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from controller.kube.objects import Manifest
from controller.observe.instances.editions import newest_revision
from controller.observe.instances.instance import Instance
from controller.observe.state import Revision, ordinal
from controller.protocol.member import moment
from schemas.kubernetes.quantity import QuantityError, parse

FAILED = "FailedCreate"
"""Reason of the event (kubernetes, pkg/controller/statefulset/stateful_pod_control.go, recordPodEvent)."""

LASTING = timedelta(minutes=10)
"""Age at which an event counts no more: of a failure that lasts, the recorder tells at least every 5 minutes
(client-go, tools/record, EventSourceObjectSpamFilter)."""
_WORDS = re.compile(r"[Cc]reate (?:Claim \S+ )?Pod \S+ in StatefulSet \S+ failed error: (.*)", re.DOTALL)
_QUOTA = re.compile(r"exceeded quota: \S+, requested: (\S+), used: (\S+), limited: (\S+)$")
"""The quota's words (apiserver, plugin/resourcequota, checkRequest)."""
_NO_RIGHT = re.compile(r'cannot create resource "pods"|does not support dry run')
"""Words of a trial that was not made: they say nothing of what would be."""


def missing(statefulset: Manifest | None, instances: Iterable[Instance]) -> tuple[str, ...]:
    """Name the pods that a StatefulSet should have and that do not exist."""
    if statefulset is None:
        return ()
    there, name = {instance.ordinal for instance in instances}, statefulset["metadata"]["name"]
    wanted = range(int(statefulset["spec"]["replicas"]))
    return tuple(f"{name}-{number}" for number in wanted if number not in there)


def refusal(events: Iterable[Manifest], since: datetime) -> str:
    """Return why a pod was not created, as the newest event since a moment says; "" if none says."""
    told = [(at, event) for event in events if (at := _last(event)) > since]
    if not told:
        return ""
    note = str(max(told, key=lambda each: each[0])[1].get("note", ""))
    found = _WORDS.search(note)
    return found[1] if found else note


def _last(event: Manifest) -> datetime:
    """Return when an event was last observed; recorders of both generations write events."""
    series = event.get("series") or {}
    moments = (series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"), event.get("eventTime"))
    return max((at for text in moments if (at := moment(text))), default=datetime.min.replace(tzinfo=UTC))


def trial(statefulset: Manifest, pod: str) -> Manifest:
    """Return a pod as the StatefulSet's controller would create it (newStatefulSetPod)."""
    metadata, spec = statefulset["metadata"], statefulset["spec"]
    template = spec["template"]
    names = [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]]
    claims = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{pod}"}} for name in names]
    others = [volume for volume in template["spec"].get("volumes", []) if volume["name"] not in names]
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "controller": True}
    numbered = {
        "statefulset.kubernetes.io/pod-name": pod,
        "apps.kubernetes.io/pod-index": str(ordinal(pod)),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod,
            "namespace": metadata["namespace"],
            "labels": {**template["metadata"].get("labels", {}), **numbered},
            "annotations": template["metadata"].get("annotations", {}),
            "ownerReferences": [owner | {"name": metadata["name"], "uid": metadata["uid"]}],
        },
        "spec": {
            **template["spec"],
            "hostname": pod,
            "subdomain": spec["serviceName"],
            "volumes": [*claims, *others],
        },
    }


def former(
    statefulset: Manifest, revisions: Iterable[Manifest], instances: Iterable[Instance]
) -> Revision | None:
    """Return the revision before the newest: of those that pods are of, or of all where no pod is left.

    Kubernetes keeps those that pods are of, whatever the limit of its history (truncateHistory). One that
    was refused before, and that no pod is of, is none to go back to.
    """
    newest, uid = newest_revision(statefulset), statefulset["metadata"]["uid"]
    if newest is None:
        return None
    run = {instance.revision for instance in instances}
    before = [
        each
        for each in revisions
        if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences") or [])
        and each["metadata"]["name"] != newest
        and (each["metadata"]["name"] in run or not run)
    ]
    last = max(before, key=lambda each: int(each["revision"]), default=None)
    if last is None:
        return None
    # Kept as a patch that replaces the template (getPatch).
    template = last["data"]["spec"]["template"]
    return Revision(last["metadata"]["name"], {k: v for k, v in template.items() if k != "$patch"})


def conclusive(words: str) -> bool:
    """Whether a refused trial says what would become of the pod."""
    return _NO_RIGHT.search(words) is None


def over_quota(words: str) -> bool:
    """Whether a quota refused a trial, which counts the pod that is to be replaced too."""
    return _QUOTA.search(words) is not None


def fits(words: str, replaced: Manifest) -> bool:
    """Whether a quota that refused a trial has room once the pod that is to be replaced is gone."""
    found = _QUOTA.search(words)
    if found is None:
        return False
    requested, used, limited = map(_amounts, found.groups())
    return all(
        used.get(name, Decimal(0)) - _takes(name, replaced) + amount <= limited.get(name, Decimal(0))
        for name, amount in requested.items()
    )


def _amounts(text: str) -> dict[str, Decimal]:
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name: _amount(value) for name, _, value in pairs}


def _amount(text: Any) -> Decimal:  # noqa: ANN401 - JSON is any value
    try:
        return parse(text)
    except QuantityError:
        return Decimal(0)


def _takes(name: str, pod: Manifest) -> Decimal:
    """Return how much of a quota's resource a pod takes (ResourceQuota, "Compute Resource Quota")."""
    if name in ("pods", "count/pods"):
        return Decimal(1)
    kind = "limits" if name.startswith("limits.") else "requests"
    resource = name.removeprefix(f"{kind}.")

    def of(container: Manifest) -> Decimal:
        return _amount(((container.get("resources") or {}).get(kind) or {}).get(resource, 0))

    inits = pod["spec"].get("initContainers") or []
    beside = [container for container in inits if container.get("restartPolicy") == "Always"]
    running = sum(map(of, [*pod["spec"]["containers"], *beside]), Decimal(0))
    return max([running, *map(of, inits)])
