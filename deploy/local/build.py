"""Building the programs of a cluster from Go modules, once for each content of the modules' files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.processes import CommandError
from deploy.local.state import cache_root, locked
from deploy.progress import log_file, logged, task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KUBERNETES_VERSION = "1.37.2"
MODULES = Path(__file__).parent / "binaries"
_STALE = "stale: "
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Bundle:
    """Programs that are built together: one folder of the cache, one log."""

    name: str
    """Of its log."""
    version: str
    """How its folder's name begins."""
    what: str
    """What people call them."""
    usual: str
    modules: tuple[str, ...]
    """Folders below `binaries`, in the order in which they are built."""
    programs: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Programs whose packages have another name."""
    tags: str = ""
    """Go's build constraints, by which parts of a program are left out."""
    copied: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Folders of files that lie beside the programs: the Go module that each is from, and where in it."""


KUBERNETES = Bundle(
    "kubernetes",
    f"kubernetes-{KUBERNETES_VERSION}",
    f"Kubernetes {KUBERNETES_VERSION}, etcd and CoreDNS",
    "8 min on two cores",
    ("coredns", "kubernetes"),
    (
        "coredns",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
    ),
    renamed={"server": "etcd"},
)
S3_SERVERS = Bundle(
    "s3-servers",
    "s3-servers",
    "the S3 servers of the tests",
    "a minute on two cores",
    ("gofakes3", "versitygw"),
    ("gofakes3", "versitygw"),
)
"""Two that have none of their code in common."""
CERT_MANAGER = Bundle(
    "cert-manager",
    "cert-manager",
    "cert-manager",
    "3 min on two cores",
    ("cert-manager",),
    ("cert-manager",),
    copied={"crds": ("github.com/cert-manager/cert-manager", "deploy/crds")},
)
"""Its controllers and its CA injector, with the CRDs that they need."""
HELM = Bundle("helm", "helm", "Helm", "5 min on two cores", ("helm",), ("helm",))
PROMETHEUS = Bundle(
    "prometheus",
    "prometheus",
    "Prometheus",
    "6 min on two cores",
    ("prometheus",),
    ("prometheus",),
    tags="remove_all_sd,enable_kubernetes_sd",
)
"""With the discovery of Kubernetes, which Debian builds without, and no other; alone it has no web pages."""
KUBE_SCORE = Bundle(
    "kube-score", "kube-score", "kube-score", "half a minute on two cores", ("kube-score",), ("kube-score",)
)
"""The linter of manifests that `make verify` runs."""


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


def build_key(modules: Path, go_version: str, bundle: Bundle = KUBERNETES) -> str:
    """Tell one result from another: a hash over all that goes into the build."""
    digest = hashlib.sha256(f"{go_version}\n{linker_flags()}\n{bundle.tags}".encode())
    for path in sorted(path for name in bundle.modules for path in modules.glob(f"{name}/*")):
        digest.update(path.relative_to(modules).as_posix().encode() + b"\n" + path.read_bytes())
    return f"{bundle.version}-{digest.hexdigest()[:12]}"


def binaries(
    say: Callable[[str], None], environment: Mapping[str, str] = os.environ, bundle: Bundle = KUBERNETES
) -> Path:
    """Return the folder of the programs; build them first when they are not in the cache.

    Two processes never build the same at once. Raises BuildError.
    """
    go = shutil.which("go")
    if go is None:
        raise BuildError("the programs are built with Go, which is not on the PATH: install Go 1.26 or newer")
    key = build_key(MODULES, _go(go, "env", "GOVERSION", cwd=MODULES).strip(), bundle)
    folder = cache_root(environment) / "bin" / key
    if folder.is_dir():
        return folder
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            for unfinished in folder.parent.glob(f".{folder.name}-*"):
                shutil.rmtree(unfinished)
            log = log_file(bundle.name, environment)
            log.unlink(missing_ok=True)
            what = f"building {bundle.what}"
            say(f"{what}, once for this machine, {bundle.usual} as a rule; what Go says is in {log}")
            try:
                _build(go, bundle, folder, log, say)
            except CommandError as error:
                raise BuildError(str(error)) from None
    return folder


def _build(go: str, bundle: Bundle, folder: Path, log: Path, say: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        for module in bundle.modules:
            _build_module(go, MODULES / module, temporary, log, say, bundle)
        made = Path(temporary)
        for package, program in bundle.renamed.items():
            (made / package).rename(made / program)
        missing = set(bundle.programs) - {path.name for path in made.iterdir()}
        if missing:
            raise BuildError(f"the Go modules did not give {', '.join(sorted(missing))}")
        for name, (module, inside) in bundle.copied.items():
            source = _go(go, "list", "-m", "-f", "{{.Dir}}", module, cwd=MODULES / bundle.modules[0]).strip()
            _copy(Path(source) / inside, made / name)
        # Its parent is removed at the end of the block: what was built is moved away as a whole.
        made.chmod(0o755)
        made.rename(folder)
        made.mkdir()


def _copy(source: Path, folder: Path) -> None:
    """Copy a folder's files. Those of a Go module can only be read, and would never go again."""
    folder.mkdir()
    for file in source.iterdir():
        shutil.copyfile(file, folder / file.name)


def _build_module(
    go: str, module: Path, output: str, log: Path, say: Callable[[str], None], bundle: Bundle
) -> None:
    """Build the tools of a module. What is to compile is counted first, for which its modules are fetched."""
    fetched, stale, compiled = 0, 0, 0
    environment = {**os.environ, "CGO_ENABLED": "0"}
    small = ("-ldflags", linker_flags(), "-tags", bundle.tags)
    flags = ("-mod=readonly", "-trimpath", "-buildvcs=false", *small)
    with task(f"fetching the modules of {module.name}", say=say) as fetching:

        def listed(line: str) -> None:
            nonlocal fetched, stale
            fetched += line.startswith("go: downloading ")
            stale += line.startswith(_STALE)
            fetching.note = f"{fetched} modules"

        form = f"{{{{if .Stale}}}}{_STALE}{{{{.ImportPath}}}}{{{{end}}}}"
        listing = [go, "list", *flags, "-deps", "-f", form, "tool"]
        logged(listing, log, heard=listed, environment=environment, cwd=module)
    with task(f"compiling {module.name}", f"{bundle.usual} for all", say=say) as compiling:

        def built(line: str) -> None:
            nonlocal compiled
            compiled += not line.startswith(("go: ", "#"))
            compiling.note = f"{compiled} of {stale} packages" if compiled < stale else "linking"

        building = [go, "build", "-v", *flags, "-o", f"{output}/", "tool"]
        logged(building, log, heard=built, environment=environment, cwd=module)


def _go(go: str, *arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        [go, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"go {arguments[0]} in {cwd}: {done.stderr.strip()[-2000:]}")
    return done.stdout
