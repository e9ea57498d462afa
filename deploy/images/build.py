"""Building an image unless the cache has it already: the same content is never built twice."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.generate.objects import DEFAULT_REGISTRY, VERSION, image
from deploy.images import archive, inputs, machine, sbom
from deploy.images.engine import USUAL, choose
from deploy.images.origin import Origin, revision
from deploy.local.state import locked
from deploy.progress import log_file, task, to_standard_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.images.engine import Engine
    from deploy.images.inputs import Target

_CATALOGUE = "catalogue.yaml"
_SBOM = "sbom.cdx.json"
_KEPT_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class Naming:
    """Where images are said to come from, and the tag that users see: keddah's version."""

    registry: str = DEFAULT_REGISTRY
    tag: str = VERSION

    def name(self, target: Target) -> str:
        """Return the name that manifests for users have; what it stands for changes with every build."""
        return image(target.image, self.registry, self.tag)


@dataclass(frozen=True)
class Workshop:
    """What a build needs to know of the machine. Month is such as `2026-11`: a new one brings a new base."""

    checkout: Path
    cache: Path
    month: str
    environment: Mapping[str, str]
    platform: str = ""
    """Of the images, such as `linux/arm64`; the machine's own if none is named."""

    @property
    def origin(self) -> Origin:
        """Return what images are built on."""
        return Origin.of(self.month, self.environment, self.platform)

    def engine(self) -> Engine:
        """Return what builds here. Raises EngineError."""
        return choose(self.cache, self.origin)


@dataclass(frozen=True)
class Built:
    """An image in the cache. Its second name has the content's key: another content, another name."""

    name: str
    content_name: str
    folder: Path

    @property
    def archive(self) -> Path:
        """Return the archive that containerd and Docker import; it has the image under both names."""
        return self.folder / "image.tar"

    @property
    def catalogue(self) -> str:
        """Return what the image says of the releases in it, as YAML; nothing for an image without any."""
        return (self.folder / _CATALOGUE).read_text()

    @property
    def sbom(self) -> Path:
        """Return the list of what is in the image, as CycloneDX."""
        return self.folder / _SBOM

    @property
    def digest(self) -> str:
        """Return the digest of the image's manifest, "" where the archive does not tell."""
        return archive.digest(self.archive)


def build(target: Target, naming: Naming, workshop: Workshop) -> Built:
    """Return an image, building it when the cache lacks it. Raises EngineError, CommandError."""
    with tempfile.TemporaryDirectory(prefix="keddah-build-") as temporary:
        context = Path(temporary, "context")
        context.mkdir()
        inputs.snapshot(target, workshop.checkout, context)
        name = naming.name(target)
        content = inputs.key(context, workshop.origin.key)
        built = Built(name, f"{name}-{content}", _folder(target, content, naming, workshop.cache))
        if not built.folder.is_dir():
            with locked(workshop.cache / "archives" / "lock"):
                _forget_unused(workshop.cache / "archives")
                if not built.folder.is_dir():
                    _make(built, target, context, workshop)
        os.utime(built.folder)
        return built


def unpacked(built: Built, workshop: Workshop) -> Path:
    """Return a folder with the image's files, of whose programs tests run some; must be root.

    It lies beside the archive, and must not be changed. Raises EngineError, CommandError.
    """
    root = built.folder / "root"
    with locked(workshop.cache / "archives" / "root.lock"):
        if not root.is_dir():
            with tempfile.TemporaryDirectory(dir=built.folder, prefix="root-") as temporary:
                files = Path(temporary, "files")
                files.mkdir()
                workshop.engine().unpack(built.content_name, files)
                files.rename(root)
    return root


def _folder(target: Target, content: str, naming: Naming, cache: Path) -> Path:
    place = naming.registry.replace("/", "_")
    return cache / "archives" / f"{target.image}-{content}-{place}-{naming.tag}"


def _make(built: Built, target: Target, context: Path, workshop: Workshop) -> None:
    engine = workshop.engine()
    log = log_file("images")
    log.unlink(missing_ok=True)
    to_standard_error(f"building {target.image}, {USUAL} as a rule; what the builder says is in {log}")
    labels = workshop.origin.labels(revision(workshop.checkout, target.all_paths))
    secrets = machine.secrets(workshop.environment, context.with_name("secrets"))
    engine.build(context, target.name, built.content_name, secrets, labels)
    with task(f"packing {target.image}"):
        _pack(built, target, engine, workshop.origin)


def _pack(built: Built, target: Target, engine: Engine, origin: Origin) -> None:
    with tempfile.TemporaryDirectory(dir=built.folder.parent, prefix="making-") as temporary:
        made = Built(built.name, built.content_name, Path(temporary, "made"))
        made.folder.mkdir()
        catalogue = engine.run(built.content_name, f"cat /usr/share/keddah/{_CATALOGUE} 2>/dev/null || true")
        (made.folder / _CATALOGUE).write_text(catalogue)
        engine.archive(built.content_name, (built.name, built.content_name), made.archive)
        script = f"/usr/bin/python3 -c {shlex.quote(sbom.SCRIPT.read_text())}"
        inventory = json.loads(engine.run(built.content_name, script))
        made.sbom.write_text(sbom.sbom(sbom.Image(target.image, made.digest, origin), inventory))
        made.folder.rename(built.folder)


def _forget_unused(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        if path.is_dir() and path.stat().st_mtime < oldest:
            shutil.rmtree(path)
