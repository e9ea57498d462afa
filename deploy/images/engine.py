"""The programs that build images: Docker where its engine answers, else buildah."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deploy.images import debian
from deploy.images.archive import pack
from deploy.images.origin import BASE, Origin, base_labels
from deploy.local.mounts import unmount_below
from deploy.local.processes import CommandError, run
from deploy.local.state import locked
from deploy.progress import log_file, logged, task, to_standard_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

USUAL = "two minutes"
_WIDTH = 110
_STEP = re.compile(r"STEP \d+/\d+: (FROM|RUN)|^#\d+ \[")
"""A step as buildah tells of it, and as Docker's builder does."""

PACKAGES = ("buildah", "debootstrap", "debian-archive-keyring")


class EngineError(Exception):
    """Images cannot be built here; the message says what is missing."""


class Engine(Protocol):
    """What builds, runs and hands out images."""

    def build(
        self, context: Path, target: str, name: str, secrets: Mapping[str, Path], labels: Mapping[str, str]
    ) -> None:
        """Build a target of the context's Dockerfile, telling on standard error what goes on.

        Labels of the base are the engine's to add.
        """

    def run(self, name: str, script: str) -> str:
        """Run a shell script in the image, as the image's user, and give what it printed."""

    def unpack(self, name: str, folder: Path) -> None:
        """Copy the image's files into an empty folder, with their owners; must be root."""

    def archive(self, name: str, names: Sequence[str], file: Path) -> None:
        """Write the image to an archive under other names."""

    def push(self, name: str, target: str) -> None:
        """Send the image to a registry, under the name given."""


@dataclass(frozen=True)
class Docker:
    """A Docker engine, with its own cache and base image."""

    origin: Origin

    def build(
        self, context: Path, target: str, name: str, secrets: Mapping[str, Path], labels: Mapping[str, str]
    ) -> None:
        """Build, with the engine's builder."""
        base, known = self._base()
        stage = _labelled(context, target, {**labels, **known})
        options = ["--platform", self.origin.platform, "--target", stage, "--tag", name]
        arguments = [*_argument_options(base, self.origin), *_secret_options(secrets)]
        # Docker before 23 uses its old builder unless asked, which has neither secrets nor stages left out.
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        _run_visibly(["docker", "build", *options, *arguments, str(context)], environment)

    def _base(self) -> tuple[str, dict[str, str]]:
        """Give the base by digest if its registry answers: all targets have the same, and can name it."""
        try:
            run("docker", "pull", "--quiet", "--platform", self.origin.platform, BASE)
            pulled = run("docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", BASE).strip()
        except CommandError:
            return BASE, {}
        return pulled, base_labels(BASE, pulled.partition("@")[2])

    def run(self, name: str, script: str) -> str:
        """Run in a container that is removed afterwards."""
        return run("docker", "run", "--rm", "--entrypoint", "/bin/sh", name, "-c", script)

    def unpack(self, name: str, folder: Path) -> None:
        """Unpack what the engine exports of a container that never ran."""
        container = run("docker", "create", name).strip()
        try:
            with tempfile.NamedTemporaryFile(dir=folder.parent, suffix=".tar") as exported:
                run("docker", "export", "--output", exported.name, container)
                run("tar", "--extract", "--file", exported.name, "--directory", folder)
        finally:
            run("docker", "rm", container)

    def archive(self, name: str, names: Sequence[str], file: Path) -> None:
        """Write Docker's own archive, which containerd imports too."""
        for other in names:
            run("docker", "tag", name, other)
        run("docker", "save", "--output", file, *names)

    def push(self, name: str, target: str) -> None:
        """Push, with the engine's credentials."""
        run("docker", "tag", name, target)
        _run_visibly(["docker", "push", target])


@dataclass(frozen=True)
class Buildah:
    """buildah, as root, with a store of its own; a new store, and so a new base, every month."""

    store: Path
    origin: Origin

    def build(
        self, context: Path, target: str, name: str, secrets: Mapping[str, Path], labels: Mapping[str, str]
    ) -> None:
        """Build in chroots: there is no engine that could make containers."""
        with self._leaving_no_mounts():
            base, digest = self._base()
            known = base_labels(base, digest)
            stage = _labelled(context, target, {**labels, **known})
            # buildah's own annotation has the digest of an image between: that of the stage before.
            told = [f"--annotation={label}={value}" for label, value in known.items()]
            arguments = [*_argument_options(base, self.origin), *told, *_secret_options(secrets)]
            options = ["--layers", "--target", stage, *arguments]
            self._bud(context, name, *options)

    @contextmanager
    def _leaving_no_mounts(self) -> Iterator[None]:
        """Have the store alone, and leave none of its containers.

        A build that fails or is interrupted leaves the containers of its steps, and with them their mounts
        and the store's own (seen with buildah 1.28). What a killed one left goes with the next.
        """
        with locked(self.store / "lock"):
            self._forget_containers()
            try:
                yield
            finally:
                self._forget_containers()

    def _forget_containers(self) -> None:
        run(*self._command("rm"), "--all")
        unmount_below(self.store)

    def _bud(self, context: Path, name: str, *options: str) -> None:
        # The machine's network: a proxy on its loopback must be reachable.
        command = [*self._command("bud"), "--isolation", "chroot", "--network", "host", "--tag", name]
        # The time of the image and of all its files. Which buildah made it is no part of it.
        same = ["--timestamp", str(self.origin.epoch), "--identity-label=false"]
        _run_visibly([*command, *same, "--platform", self.origin.platform, *options, str(context)])

    def _command(self, verb: str) -> list[str]:
        folder = self.store / self.origin.month
        places = ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
        return ["buildah", *places, "--storage-driver", "overlay", verb]

    def _base(self) -> tuple[str, str]:
        """Return the base image's name, and its digest; make it if it is not there."""
        repository, _, tag = BASE.partition(":")
        name = f"localhost/{repository}-{self.origin.architecture}-{self.origin.epoch}:{tag}"
        digest = self._digests().get(name)
        if digest is None:
            self._forget_other_months()
            with tempfile.TemporaryDirectory(dir=self.store, prefix="base-") as folder:
                to_standard_error("making the base image from Debian's packages")
                try:
                    with task("making the base image", "a minute"):
                        debian.write_context(Path(folder), self.origin)
                finally:
                    # debootstrap, when it is interrupted, leaves /proc and /sys of what it made.
                    unmount_below(Path(folder))
                self._bud(Path(folder), name)
            digest = self._digests()[name]
        return name, digest

    def _digests(self) -> dict[str, str]:
        listed = run(*self._command("images"), "--format", "{{.Name}}:{{.Tag}} {{.Digest}}")
        return dict(line.split() for line in listed.splitlines() if line)

    def _forget_other_months(self) -> None:
        for folder in self.store.glob("*-*"):
            if folder.name != self.origin.month:
                shutil.rmtree(folder)

    def run(self, name: str, script: str) -> str:
        """Run in a chroot of a fresh copy of the image."""
        with self._leaving_no_mounts():
            container = run(*self._command("from"), "--pull-never", name).strip()
            return run(
                *self._command("run"), "--isolation", "chroot", container, "--", "/bin/sh", "-c", script
            )

    def unpack(self, name: str, folder: Path) -> None:
        """Copy what a container would have mounted."""
        with self._leaving_no_mounts():
            container = run(*self._command("from"), "--pull-never", name).strip()
            mounted = run(*self._command("mount"), container).strip()
            run("cp", "--archive", f"{mounted}/.", folder)

    def archive(self, name: str, names: Sequence[str], file: Path) -> None:
        """Write an OCI archive. Layers are packed with zstd: a node unpacks them in half the time of gzip."""
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="layout-") as folder:
            layout = Path(folder, "oci")
            options = ["--quiet", "--format", "oci", "--compression-format", "zstd"]
            with self._leaving_no_mounts():
                run(*self._command("push"), *options, name, f"oci:{layout}:image")
            pack(layout, names, file)

    def push(self, name: str, target: str) -> None:
        """Push, with the credentials that `buildah login` left."""
        with self._leaving_no_mounts():
            _run_visibly([*self._command("push"), "--format", "oci", name, f"docker://{target}"])


def _argument_options(base: str, origin: Origin) -> list[str]:
    return ["--build-arg", f"BASE={base}", "--build-arg", f"SOURCE_DATE_EPOCH={origin.epoch}"]


def _labelled(context: Path, target: str, labels: Mapping[str, str]) -> str:
    """Append a stage to the context's Dockerfile that labels the target, and give its name.

    Labels of the command line are nothing to buildah's cache: an image would keep those of its first build.
    """
    words = " ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    with (context / "Dockerfile").open("a") as file:
        file.write(f"\nFROM {target} AS labelled\nLABEL {words}\n")
    return "labelled"


def _secret_options(secrets: Mapping[str, Path]) -> list[str]:
    return [f"--secret=id={name},src={file}" for name, file in secrets.items()]


def _run_visibly(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a build and tell its steps, a line each; the rest is in the log."""
    log = log_file("images")
    with task("building an image", USUAL) as building:

        def heard(line: str) -> None:
            if _STEP.search(line):
                building.note = line.strip()[:_WIDTH]
                to_standard_error(f"    {building.note}")

        logged(command, log, heard=heard, environment=environment)


def choose(cache: Path, origin: Origin) -> Engine:
    """Return what this machine can build with. Raises EngineError."""
    if docker_answers():
        return Docker(origin)
    missing = [program for program in ("buildah", "debootstrap") if not shutil.which(program)]
    if missing:
        raise EngineError(
            f"{' and '.join(missing)}: not found, and no Docker engine answers; "
            f"apt-get install {' '.join(PACKAGES)}"
        )
    if os.geteuid() != 0:
        raise EngineError("buildah and debootstrap need root here, and no Docker engine answers")
    if not origin.runs:
        raise EngineError(
            f"{origin.platform}: nothing runs its programs here; "
            "apt-get install qemu-user-static binfmt-support, with binfmt_misc mounted"
        )
    return Buildah(cache / "containers", origin)


def docker_answers() -> bool:
    """Whether a Docker engine answers; the client alone is no use."""
    if not shutil.which("docker"):
        return False
    done = subprocess.run(["docker", "version"], capture_output=True, check=False)
    return done.returncode == 0
