"""Which Kubernetes: yours where KUBECONFIG is set, kind where a container engine runs, else one made here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.images.engine import docker_answers
from deploy.local.state import StateFolder, state_root
from deploy.machine import MachineError, prepare
from deploy.progress import task

Say = Callable[[str], None]
CHECKOUT = Path(__file__).parents[1]
KIND_CONFIG = CHECKOUT / "deploy" / "kind.yaml"


class TargetError(Exception):
    """There is no cluster to be had; the message says what is missing."""


class Target(Protocol):
    """A cluster that keddah can be installed on."""

    name: str
    environment: dict[str, str]
    """What kubectl needs: KUBECONFIG, and a PATH with kubectl on it."""

    @property
    def builds_images(self) -> bool:
        """Whether images are built here and loaded; otherwise they come from a registry."""

    def up(self, archives: Sequence[Path]) -> None:
        """Bring it up, or what is missing of it, with these images on its nodes."""

    def down(self) -> None:
        """Take it away, if it was made here."""


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Run a command whose output people see; raises TargetError when it fails."""
    # kind says nothing while it loads an image; what is started here says by itself what is under way.
    with task(" ".join(command[:3])) if command[0] == "kind" else nullcontext():
        result = subprocess.run(command, check=False, env=environment, cwd=CHECKOUT)
    if result.returncode != 0:
        raise TargetError(f"failed with exit code {result.returncode}: {' '.join(command)}")


@dataclass
class Existing:
    """The user's own cluster; nothing of it is made or taken away here."""

    environment: dict[str, str]
    say: Say
    name: str = "your cluster"

    @property
    def builds_images(self) -> bool:
        """Only kind's nodes can be given images without a registry."""
        return self._kind() is not None

    def up(self, archives: Sequence[Path]) -> None:
        """Return kind's nodes the images; any other cluster pulls them."""
        cluster = self._kind()
        for archive in archives if cluster else ():
            run(["kind", "load", "image-archive", "--name", str(cluster), str(archive)])

    def down(self) -> None:
        """Leave the cluster as it is."""
        self.say("the cluster is yours and stays; `make undeploy` takes the operator off it")

    def _kind(self) -> str | None:
        context = subprocess.run(
            ["kubectl", "config", "current-context"],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
        ).stdout.strip()
        return context.removeprefix("kind-") if context.startswith("kind-") and shutil.which("kind") else None


def of_context(context: str, folder: Path, say: Say) -> Existing:
    """Give the user's cluster by a kubeconfig in `folder` that has nothing else in it; raises TargetError."""
    if shutil.which("kubectl") is None:
        raise TargetError("kubectl is missing")
    command = ["kubectl", "config", "view", "--raw", "--minify", "--flatten", f"--context={context}"]
    view = subprocess.run(command, check=False, capture_output=True, text=True)
    if view.returncode != 0:
        raise TargetError(f"context {context}: {view.stderr}")
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(view.stdout)
    return Existing({**os.environ, "KUBECONFIG": str(file)}, say, context)


@dataclass
class Kind:
    """Kubernetes in containers, by kind."""

    environment: dict[str, str]
    say: Say
    name: str
    stays: bool = False
    """Whether it was made by other means than the demo or the tests, so that they leave it up."""
    builds_images: bool = True

    def up(self, archives: Sequence[Path]) -> None:
        """Create the cluster unless it exists, and load the images."""
        listed = subprocess.run(["kind", "get", "clusters"], check=True, capture_output=True, text=True)
        kubeconfig = self.environment["KUBECONFIG"]
        if self.name not in listed.stdout.split():
            run(["kind", "create", "cluster", "--name", self.name, "--config", str(KIND_CONFIG)])
        Path(kubeconfig).parent.mkdir(parents=True, exist_ok=True)
        run(["kind", "export", "kubeconfig", "--name", self.name, "--kubeconfig", kubeconfig])
        for archive in archives:
            run(["kind", "load", "image-archive", "--name", self.name, str(archive)])

    def down(self) -> None:
        """Delete the cluster, unless it stays."""
        if self.stays:
            self.say(f"{self.name} stays: `kind delete cluster --name {self.name}` deletes it")
            return
        run(["kind", "delete", "cluster", "--name", self.name])


@dataclass
class Local:
    """A real Kubernetes of three nodes on this machine (deploy/local)."""

    environment: dict[str, str]
    say: Say
    name: str
    stays: bool = False
    """Whether it was made by other means than the demo or the tests, so that they leave it up."""
    builds_images: bool = True

    def up(self, archives: Sequence[Path]) -> None:
        """Bring up what is missing."""
        images = [part for archive in archives for part in ("--image", str(archive))]
        run([sys.executable, "-m", "deploy.local", "up", "--name", self.name, *images])

    def down(self) -> None:
        """Take it away without a trace, unless it stays."""
        if self.stays:
            self.say(f"{self.name} stays: `python -m deploy.local down --name {self.name}` takes it away")
            return
        run([sys.executable, "-m", "deploy.local", "down", "--name", self.name])


def choose(say: Say, *, name: str = "keddah", own: bool = False, use: bool = True) -> Target:
    """Choose the cluster; raises TargetError.

    `own` leaves a KUBECONFIG of the user's alone; without `use` nothing is installed or built for it.
    """
    environment = dict(os.environ)
    given = _made_here(environment)
    if environment.get("KUBECONFIG") and not own and given is None:
        return Existing(environment, say)
    mine = own or given in {None, name}
    chosen = name if own or given is None else given
    folder = StateFolder(state_root(environment) / chosen)
    environment["KUBECONFIG"] = str(folder.kubeconfig)
    if folder.read() is None and shutil.which("kind") and docker_answers():
        return Kind(environment, say, chosen, stays=not mine)
    if use:
        _prepare(say)
        environment["PATH"] = f"{local_binaries()}:{environment['PATH']}"
    return Local(environment, say, chosen, stays=not mine)


def _made_here(environment: Mapping[str, str]) -> str | None:
    """Return the name of the cluster that KUBECONFIG leads to if its kubeconfig was written here.

    `make demo` asks its user to export it. Of a list, kubectl takes the context of the first file.
    """
    first = environment.get("KUBECONFIG", "").partition(os.pathsep)[0]
    if not first:
        return None
    path = Path(first).resolve()
    written = path.name == StateFolder(path.parent).kubeconfig.name
    return path.parent.name if written and path.parents[1] == state_root(environment).resolve() else None


def _prepare(say: Say) -> None:
    if os.geteuid() != 0:
        raise TargetError(
            "no cluster to use: set KUBECONFIG, or install Docker and kind, or run this as root, "
            "which brings up a real Kubernetes in network namespaces of this machine"
        )
    if shutil.which("go") is None:
        raise TargetError("Go is missing: a local Kubernetes is built from its Go modules; install Go 1.26")
    try:
        prepare(say)
    except MachineError as error:
        raise TargetError(str(error)) from None


def local_binaries() -> str:
    """Build Kubernetes' programs if need be, and return their folder."""
    command = [sys.executable, "-m", "deploy.local", "binaries"]
    result = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    if result.returncode != 0:
        raise TargetError("Kubernetes' programs could not be built; the output above says why")
    return result.stdout.strip().splitlines()[-1]
