"""Building the programs of a cluster from Go modules, once for each content of the modules' files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.state import cache_root, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KUBERNETES_VERSION = "1.37.2"
MODULES = Path(__file__).parent / "binaries"
PROGRAMS = (
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


class BuildError(Exception):
    """The programs cannot be built; the message says what is missing or what Go said."""


def linker_flags(version: str = KUBERNETES_VERSION) -> str:
    """Return the flags by which Kubernetes' programs know their version; a plain build reports v0.0.0."""
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    defined = [
        f"-X {package}.{key}={value}" for package in _VERSION_PACKAGES for key, value in values.items()
    ]
    return " ".join(["-s", "-w", *defined])


def build_key(modules: Path, go_version: str) -> str:
    """Tell one result from another: a hash over all that goes into the build."""
    digest = hashlib.sha256(f"{go_version}\n{linker_flags()}\n".encode())
    for path in sorted(modules.glob("*/go.*")):
        digest.update(path.relative_to(modules).as_posix().encode() + b"\n" + path.read_bytes())
    return f"kubernetes-{KUBERNETES_VERSION}-{digest.hexdigest()[:12]}"


def binaries(say: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the programs; build them first when they are not in the cache (about 8 minutes).

    Two processes never build the same at once. Raises BuildError.
    """
    go = shutil.which("go")
    if go is None:
        raise BuildError("the programs are built with Go, which is not on the PATH: install Go 1.26 or newer")
    key = build_key(MODULES, _go(go, "env", "GOVERSION", cwd=MODULES).strip())
    folder = cache_root(environment) / "bin" / key
    if folder.is_dir():
        return folder
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            for unfinished in folder.parent.glob(f".{folder.name}-*"):
                shutil.rmtree(unfinished)
            say(f"building Kubernetes {KUBERNETES_VERSION}, etcd and CoreDNS, once for this machine")
            _build(go, folder)
    return folder


def _build(go: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        for module in sorted(path.parent for path in MODULES.glob("*/go.mod")):
            flags = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", linker_flags())
            _go(go, "build", *flags, "-o", f"{temporary}/", "tool", cwd=module)
        made = Path(temporary)
        (made / "server").rename(made / "etcd")
        missing = set(PROGRAMS) - {path.name for path in made.iterdir()}
        if missing:
            raise BuildError(f"the Go modules did not give {', '.join(sorted(missing))}")
        # Its parent is removed at the end of the block: what was built is moved away as a whole.
        made.chmod(0o755)
        made.rename(folder)
        made.mkdir()


def _go(go: str, *arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        [go, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"go {arguments[0]} in {cwd}: {done.stderr.strip()[-2000:]}")
    return done.stdout
