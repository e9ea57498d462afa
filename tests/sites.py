"""Where the cluster tier runs: the cluster of KEDDAH_KUBE_CONTEXT, else one that is made here for the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from deploy.installation import build_images, install
from deploy.target import Say, Target, TargetError, choose, of_context
from tests.clusters import OPERATOR, Cluster, reached
from tests.reaper import reaped

CONTEXT = "KEDDAH_KUBE_CONTEXT"
"""Names a cluster; several, with commas between, for as many processes that share the tests."""
NAME = "test"
"""Of the cluster that is made here; `make demo` has another, and both can be up."""
WORKER = "PYTEST_XDIST_WORKER"
"""Of pytest-xdist: which of several processes that share the tests this one is; each has its own cluster."""


def own() -> bool:
    """Tell whether the cluster is one of deploy/local, whose storage and nodes tests may rely on."""
    context = _context()
    return not context or context.startswith("keddah-")


def local_name() -> str:
    """Give the name of the local cluster that tests run on."""
    if context := _context():
        return context.removeprefix("keddah-")
    worker = os.environ.get(WORKER)
    return f"{NAME}-{worker}" if worker else NAME


def worker() -> int:
    """Give which of several processes that share the tests this one is, from 0 on."""
    number = os.environ.get(WORKER, "").removeprefix("gw")
    return int(number) if number.isdecimal() else 0


def _context() -> str | None:
    """Give the context that was named for this process. Raises TargetError."""
    named = os.environ.get(CONTEXT)
    if not named:
        return None
    contexts = named.split(",")
    if worker() >= len(contexts):
        raise TargetError(f"{CONTEXT}={named} is for at most {len(contexts)} processes: each needs its own")
    return contexts[worker()]


@contextmanager
def prepared(say: Say, folder: Path, *, keep: bool = False) -> Iterator[Cluster]:
    """Give a cluster with keddah on it; one that was made here is taken away again unless it is to be kept.

    `folder` is for a kubeconfig of that one context. Raises TargetError: no cluster is a failure.
    """
    context, name = _context(), local_name()
    target = of_context(context, folder, say) if context else choose(say, name=name, own=True)
    ours = not (context or keep)
    with reaped(sys.executable, "-m", "deploy.local", "down", f"--name={name}") if ours else nullcontext():
        try:
            if not (context and _installed(target)):
                images = build_images(say) if target.builds_images else None
                target.up(images.archives if images else ())
                install(target, images, say)
            with reached(target.environment) as cluster:
                yield cluster
        finally:
            if ours:
                target.down()


def _installed(target: Target) -> bool:
    command = ["kubectl", "--namespace", OPERATOR, "get", "deployment/keddah-controller"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=target.environment)
    if done.returncode != 0 and "not found" not in done.stderr.lower():
        raise TargetError(done.stderr)
    return done.returncode == 0
