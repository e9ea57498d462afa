"""The cluster tier on kind: a cluster of our own node image, in an engine that goes when all is done."""

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

NAME: Final = "keddah"
CONTEXT: Final = f"kind-{NAME}"
_CHECKOUT: Final = Path(__file__).parents[2]


def run(engine: Engine, words: Sequence[str]) -> int:
    """Run `make conformance`, or other words, on a cluster made for it, and give the exit code.

    Nothing of the cluster or of the engine stays, however it ends. Raises CommandError, BuildError.
    """
    engine.up()
    try:
        kind = node.build(engine)
        environment = {**os.environ, **engine.environment(), "KUBECONFIG": str(engine.folder / "kubeconfig")}
        environment["PATH"] = f"{kind.parent}:{binaries(to_standard_error)}:{environment['PATH']}"
        create = ("create", "cluster", "--name", NAME, "--config", str(KIND_CONFIG), "--image", node.IMAGE)
        command = tuple(words) or ("make", "conformance", f"KUBE_CONTEXT={CONTEXT}")
        for each in ((str(kind), *create), command):
            done = subprocess.run(engine.within(*each), env=environment, cwd=_CHECKOUT, check=False)
            if done.returncode != 0:
                return done.returncode
        return 0
    finally:
        engine.down()
