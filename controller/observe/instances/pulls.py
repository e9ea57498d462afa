"""The Secrets with which images are pulled. That one is missing, the kubelet says in an event alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from controller.kube.objects import Manifest
from controller.observe.instances.pods import NOT_PULLED
from controller.observe.state import Instance


def pulled_with(pod: Manifest) -> tuple[str, ...]:
    """Return the names of the Secrets with which a pod's images are pulled."""
    secrets = (pod.get("spec") or {}).get("imagePullSecrets") or []
    return tuple(secret["name"] for secret in secrets if secret.get("name"))


def waiting(instances: Iterable[Instance], pods: Mapping[str, Manifest]) -> dict[str, tuple[str, ...]]:
    """Return the Secrets, by instance, of those whose image is not pulled."""
    return {
        i.name: pulled_with(pods.get(i.name, {}))
        for i in instances
        if i.trouble is not None and i.trouble.reason == NOT_PULLED
    }


def explained(instance: Instance, secrets: Iterable[str], there: Collection[str]) -> Instance:
    """Add to an instance's trouble which of its Secrets are missing."""
    missing = [name for name in secrets if name not in there]
    if not missing or instance.trouble is None:
        return instance
    told = ", ".join(missing)
    message = f"{instance.trouble.message}; imagePullSecrets: this namespace has no Secret {told}"
    return replace(instance, trouble=replace(instance.trouble, message=message))
