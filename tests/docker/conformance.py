"""The cluster tier on kind: two clusters of our own node image, in an engine that goes when all is done."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.build import binaries
from deploy.progress import to_standard_error
from deploy.target import KIND_CONFIG
from tests.docker import node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.docker.engine import Engine

NAMES: Final = ("keddah", "keddah-2")
"""Two, for the tests mostly wait; other commands than the tier get the first only."""
_CHECKOUT: Final = Path(__file__).parents[2]


def run(engine: Engine, words: Sequence[str]) -> int:
    """Run `make conformance`, or other words, on clusters made for it, and give the exit code.

    Nothing of the cluster or of the engine stays, however it ends. Raises CommandError, BuildError.
    """
    engine.up()
    try:
        kind = node.build(engine)
        environment = {**os.environ, **engine.environment(), "KUBECONFIG": str(engine.folder / "kubeconfig")}
        environment["PATH"] = f"{kind.parent}:{binaries(to_standard_error)}:{environment['PATH']}"
        create = (
            str(kind),
            "create",
            "cluster",
            "--config",
            str(KIND_CONFIG),
            "--image",
            node.IMAGE,
            "--name",
        )
        names = NAMES[:1] if words else NAMES
        command = tuple(words) or (
            "make",
            "conformance",
            f"KUBE_CONTEXT={','.join(map('kind-{}'.format, names))}",
        )
        for each in (*((*create, name) for name in names), command):
            done = subprocess.run(engine.within(*each), env=environment, cwd=_CHECKOUT, check=False)
            if done.returncode != 0:
                return done.returncode
        return 0
    finally:
        engine.down()
