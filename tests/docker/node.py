"""The image of a node for kind, of programs that are built here: the usual one cannot be pulled.

Of kind itself its Go module has what a node is: the entrypoint and the units of systemd. They are taken from
there at each build, and are no part of this repository.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.images import debian, machine
from deploy.images.origin import BASE, Origin
from deploy.local.build import KUBERNETES_VERSION, MODULES, Bundle, binaries
from deploy.local.mounts import unmount_below
from deploy.local.processes import CommandError, run
from deploy.progress import log_file, logged, task, to_standard_error

if TYPE_CHECKING:
    from tests.docker.engine import Engine

IMAGE: Final = "keddah.dev/tests/kind-node:local"
TOOLS: Final = "keddah.dev/tests/node-tools:local"
KIND: Final = Bundle(
    "kind",
    "kind",
    "kind, kubeadm, kube-router and a provisioner of volumes",
    "10 min on two cores",
    ("kind", "kubeadm", "kube-router", "local-path-provisioner"),
    ("kind", "kubeadm", "kube-router", "local-path-provisioner"),
)
_FILES: Final = Path(__file__).parent / "node"
_PAUSE_SOURCE: Final = MODULES.parent / "pause.c"
# systemd 257, of Debian 13, refuses to be the first process on cgroup v1.
_SUITE: Final = "bookworm"
_PACKAGES: Final = (
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "ethtool",
    "fuse-overlayfs",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "nftables",
    "procps",
    "runc",
    "systemd-sysv",
)


def build(engine: Engine) -> Path:
    """Build the image, in some minutes, and give the program that uses it, kind; must be root.

    Raises CommandError, BuildError.
    """
    folders = (binaries(to_standard_error), binaries(to_standard_error, bundle=KIND))
    with tempfile.TemporaryDirectory(prefix="keddah-node-") as temporary:
        context = Path(temporary)
        shutil.copytree(_FILES, context, dirs_exist_ok=True)
        for folder in folders:
            shutil.copytree(folder, context / "programs", dirs_exist_ok=True)
        shutil.copytree(_of_kind(), context / "kind", copy_function=shutil.copyfile)
        run("gcc", "-static", "-Os", "-o", context / "pause", _PAUSE_SOURCE)
        _system(context)
        _base(engine, context)
        images = _control_plane(engine, context)
        engine.docker("save", "--output", context / "images.tar", *images)
        (pause,) = (image for image in images if "/pause:" in image)
        _build(engine, context, "node", IMAGE, f"VERSION={KUBERNETES_VERSION}", f"PAUSE={pause}")
    return folders[1] / "kind"


def _of_kind() -> Path:
    folder = run("go", "-C", MODULES / "kind", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind").strip()
    return Path(folder) / "images/base/files"


def _system(context: Path) -> None:
    """Pack the node's own system, without what a container has of its engine."""
    packages, _ = machine.debian_mirrors(machine.apt_sources())
    options = ["--variant=minbase", f"--include={','.join(_PACKAGES)}"]
    root = context / "root"
    with task("making the node's system", "a minute"):
        logged(["debootstrap", *options, _SUITE, root, *([packages] if packages else [])], log_file("docker"))
        run("tar", "--create", "--file", context / "root.tar", "--exclude=./dev/*", "--directory", root, ".")
    shutil.rmtree(root)


def _base(engine: Engine, context: Path) -> None:
    """Have the engine know Debian's image, by its usual name; made here if no registry can be asked."""
    try:
        engine.docker("pull", "--quiet", BASE)
    except CommandError:
        made = context / "base"
        made.mkdir()
        month = datetime.now(UTC).strftime("%Y-%m")
        try:
            with task("making the base image", "a minute"):
                debian.write_context(made, Origin.of(month, {}))
        finally:
            unmount_below(made)
        engine.docker("build", "--quiet", "--tag", BASE, made)
        shutil.rmtree(made)


def _control_plane(engine: Engine, context: Path) -> list[str]:
    """Build what kubeadm would have pulled, under the names that it asks for; then the tools."""
    listed = run(
        context / "programs/kubeadm", "config", "images", "list", "--kubernetes-version", KUBERNETES_VERSION
    )
    images = listed.split()
    for image in images:
        _build(engine, context, image.rpartition("/")[2].partition(":")[0], image)
    _build(engine, context, "kube-proxy", TOOLS)
    return [*images, TOOLS]


def _build(engine: Engine, context: Path, target: str, name: str, *arguments: str) -> None:
    options = [word for argument in arguments for word in ("--build-arg", argument)]
    with task(f"building {name}"):
        engine.docker("build", "--quiet", "--target", target, "--tag", name, *options, context)
