"""A pod that nobody reaches, on a cluster of deploy/local."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import network
from deploy.local.processes import run
from tests import sites
from tests.rest import Object


@contextmanager
def cut_off(pod: Object) -> Iterator[None]:
    """Drop every packet to a pod, on its node; others on the network hear nothing of it."""
    name = network.namespace(sites.local_name(), pod["spec"]["nodeName"])
    address = pod["status"]["podIP"]
    [route] = run("ip", "-n", name, "route", "show", address).splitlines()
    run("ip", "-n", name, "route", "replace", "blackhole", address)
    try:
        yield
    finally:
        run("ip", "-n", name, "route", "replace", *route.split())
