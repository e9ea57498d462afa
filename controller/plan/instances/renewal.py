"""Serving certificates of the instances: a renewed one is loaded without a restart."""

from __future__ import annotations

import base64
import binascii

from controller.desired import names
from controller.observe.state import ObservedState
from controller.plan.actions import Reload


def reloads(observed: ObservedState, name: str) -> list[Reload]:
    """Return the members that serve with another certificate than the one in NAME-tls.

    The kubelet updates the mounted file within a minute or two, and Patroni and PostgreSQL read it only on a
    reload; reloading too early does no harm.
    """
    held = _certificate(observed, names.tls_secret(name))
    if not held:
        return []
    return [
        Reload(instance.name, instance.ip, "it uses an older certificate than the one in its Secret")
        for instance in observed.instances
        if observed.certificates.get(instance.name, held).split() != held.split()
    ]


def _certificate(observed: ObservedState, secret: str) -> str:
    data = observed.children.get("Secret", {}).get(secret, {}).get("data") or {}
    try:
        return base64.b64decode(data.get("tls.crt", ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
