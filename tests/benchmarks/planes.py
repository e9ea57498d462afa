"""An API server to measure against, and the words of the table."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deploy.local.controlplane import DELETION, ControlPlane
from tests.installation import install, install_crd
from tests.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROLLERS = (*DELETION, "cronjob-controller", "job-controller", "statefulset-controller")
"""Pods and claims are made, and nothing ever schedules them."""


class Ground(NamedTuple):
    """What a measurement stands on."""

    plane: ControlPlane
    rest: Rest
    folder: Path


@contextmanager
def ground(*, audit: bool) -> Iterator[Ground]:
    """Give an API server of its own with the CRD and keddah's other objects, less webhooks."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with ControlPlane(folder / "plane", audit=audit, controllers=CONTROLLERS) as plane:
            rest = Rest(plane.kubeconfig)
            install_crd(rest)
            install(rest)
            yield Ground(plane, rest, folder)
            rest.close()


def namespace(rest: Rest, name: str, **labels: str) -> str:
    """Make a namespace and give its name."""
    metadata = {"name": name, "labels": labels}
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).expect()
    return name
