"""keddah onto a cluster: its images, its manifests, and the wait until both processes serve."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from deploy.generate.document import documents
from deploy.generate.kustomization import kustomization
from deploy.generate.objects import DEFAULT_REGISTRY, NAMESPACE, VERSION
from deploy.generate.policy import policy
from deploy.images.build import Built, Naming, Workshop, build
from deploy.images.inputs import TARGETS
from deploy.local.state import cache_root, locked
from deploy.manifests import INSTALL, KUSTOMIZATION, overlay_files, write
from deploy.progress import task
from deploy.target import CHECKOUT, Say, Target, TargetError
from schemas.api.types import API_VERSION, KIND

OVERLAY = CHECKOUT / "build" / "overlay"
_DEPLOYMENTS = ("deployment/keddah-controller", "deployment/keddah-webhooks")
_REACHED_SECONDS = 60.0
_UNREACHED = "failed calling webhook"
_PROBE = ("create", "--dry-run=server", "-f", "-")
_PROBED = json.dumps({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"generateName": "probe-"}})


@dataclass(frozen=True)
class Images:
    """The two images of this checkout, named by their content, so that a change is always rolled out."""

    operator: Built
    postgres: Built

    @property
    def archives(self) -> tuple[Path, Path]:
        """Return the files that nodes import."""
        return self.operator.archive, self.postgres.archive


def build_images(say: Say) -> Images:
    """Build what the cache lacks; raises what the builder raises."""
    naming = Naming(DEFAULT_REGISTRY, VERSION)
    workshop = Workshop(CHECKOUT, cache_root(os.environ), datetime.now(tz=UTC).strftime("%Y-%m"), os.environ)
    say("images: building what the cache lacks")
    images = Images(
        build(TARGETS["operator"], naming, workshop), build(TARGETS["postgres"], naming, workshop)
    )
    say(f"images: {images.operator.content_name}, {images.postgres.content_name}")
    return images


def install(target: Target, images: Images | None, say: Say) -> None:
    """Apply the installation and wait for it; without images of our own a registry's are used.

    Raises TargetError when it does not come up.
    """
    say("install: kubectl apply --server-side -k build/overlay")
    # One checkout may install on two clusters at once, as its tests do.
    with locked(OVERLAY.with_suffix(".lock")):
        write(OVERLAY, _overlay(images))
        kubectl(target, "apply", "--server-side", "--force-conflicts", "-k", str(OVERLAY), quiet=True)
    await_serving(target, say)


def await_serving(target: Target, say: Say) -> None:
    """Wait until both processes run, and the API server reaches the webhooks; raises TargetError."""
    with task("installing keddah", "half a minute", say=say):
        _await_serving(target)
    say("install: the controller and the admission server serve")


def _await_serving(target: Target) -> None:
    for deployment in _DEPLOYMENTS:
        kubectl(
            target, "--namespace", NAMESPACE, "rollout", "status", deployment, "--timeout=180s", quiet=True
        )
    # Ready pods become endpoints, and those rules of kube-proxy, a moment later: until then it refuses calls.
    give_up = time.monotonic() + _REACHED_SECONDS
    while _UNREACHED in (answer := _kubectl(target, _PROBE, given=_PROBED)).stderr:
        if time.monotonic() > give_up:
            raise TargetError(f"the API server does not reach the admission server:\n{answer.stderr}")
        time.sleep(0.5)
    if answer.returncode != 0:
        raise TargetError(f"kubectl {' '.join(_PROBE)}:\n{answer.stderr}")


def kubectl(target: Target, *arguments: str, quiet: bool = False) -> str:
    """Run kubectl and return what it printed; raises TargetError when it fails."""
    with task(f"kubectl {' '.join(arguments)}"):
        result = _kubectl(target, arguments)
    if result.returncode != 0:
        raise TargetError(f"kubectl {' '.join(arguments)}:\n{result.stdout}{result.stderr}")
    if not quiet:
        print(result.stdout, end="")
    return result.stdout


def _kubectl(
    target: Target, arguments: Sequence[str], *, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=target.environment,
        input=given,
    )


def _overlay(images: Images | None) -> dict[str, str]:
    if images is None:
        registry, tag = os.environ.get("REGISTRY", DEFAULT_REGISTRY), os.environ.get("TAG", VERSION)
        secret = os.environ.get("PULL_SECRET", "")
        return overlay_files(OVERLAY, registry=registry, tag=tag, pull_secret=secret)
    releases = yaml.safe_load(images.postgres.catalogue)
    reference = os.path.relpath(INSTALL, OVERLAY)
    body = kustomization([reference], tag=_tag(images.operator), patches=["policy.yaml"])
    return {
        "policy.yaml": documents([policy(releases, tag=_tag(images.postgres))]),
        KUSTOMIZATION: documents([body]),
    }


def _tag(built: Built) -> str:
    return built.content_name.rpartition(":")[2]
