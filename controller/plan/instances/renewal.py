"""Certificates that instances serve with: a renewed one is taken over without a restart."""

from __future__ import annotations

import base64
import binascii

from controller.desired import names
from controller.observe.world import World
from controller.plan.actions import Reload


def reloads(world: World, name: str) -> list[Reload]:
    """Return the members that serve with another certificate than NAME-tls holds.

    The kubelet brings a renewed file within a minute or two, and neither Patroni nor PostgreSQL looks at it
    before it is told to; until it is there, being told once more does no harm.
    """
    held = _certificate(world, names.tls_secret(name))
    if not held:
        return []
    return [
        Reload(instance.name, instance.ip, "it uses an older certificate than the one in its Secret")
        for instance in world.instances
        if world.certificates.get(instance.name, held).split() != held.split()
    ]


def _certificate(world: World, secret: str) -> str:
    data = world.children.get("Secret", {}).get(secret, {}).get("data") or {}
    try:
        return base64.b64decode(data.get("tls.crt", ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
