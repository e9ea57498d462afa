"""Images without a registry: archives are unpacked once, in the cache, and nodes start from that.

A template is the root folder of a containerd that has imported some archives. A node's root is a clone
of it: image layers are never written to, so the clone has links to them, and only containerd's small
databases are copied. To clone takes milliseconds; to import, ten seconds for each GB on each node.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.node import PAUSE_IMAGE
from deploy.local.processes import CommandError, run, tied_to_caller, wait_until
from deploy.local.state import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BLOBS = Path("io.containerd.content.v1.content/blobs/sha256")
_CONTENT = Path("io.containerd.content.v1.content")
_SNAPSHOTS = Path("io.containerd.snapshotter.v1.overlayfs/snapshots")
_DATABASES = (
    Path("io.containerd.metadata.v1.bolt/meta.db"),
    Path("io.containerd.snapshotter.v1.overlayfs/metadata.db"),
)
_START_SECONDS = 30.0
_UNFINISHED = "unfinished-"
_KEPT_SECONDS = 14 * 24 * 3600
_PAUSE_SOURCE = Path(__file__).parent / "pause.c"
_CONFIGURATION = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/containerd.sock"
"""


class ImageError(Exception):
    """An archive cannot be used; the message says which one and why."""


def archive_identity(archive: Path) -> str:
    """Return what tells an archive from every other: the hash over its index, which has the images' digests.

    The index is a few hundred bytes; the archive itself is not read. Raises ImageError.
    """
    try:
        with tarfile.open(archive) as tar:
            for name in ("index.json", "./index.json", "manifest.json"):
                try:
                    member = tar.extractfile(name)
                except KeyError:
                    continue
                if member:
                    return hashlib.sha256(member.read()).hexdigest()
    except OSError as error:
        raise ImageError(f"{archive}: {error.strerror}") from error
    except tarfile.TarError as error:
        raise ImageError(f"{archive}: got a file that is no tar; an OCI archive is one") from error
    raise ImageError(f"{archive}: got a tar without index.json; an OCI archive has one")


def import_archive(socket: Path, archive: Path) -> None:
    """Have a containerd import and unpack an archive for Kubernetes' use."""
    run("ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", archive)


def template(cache: Path, archives: Sequence[Path], say: Callable[[str], None]) -> Path:
    """Return the root folder of a containerd that has the pause image and these archives' images.

    What is not in the cache yet is imported: only what follows the first archive that differs from an
    earlier template, so list first what changes least. Raises ImageError, CommandError.
    """
    with locked(cache / "images" / "lock"):
        _forget_unused(cache / "images")
        archives = (pause_archive(cache), *archives)
        chain = hashlib.sha256()
        parent: Path | None = None
        for archive in archives:
            chain.update(archive_identity(archive).encode())
            folder = cache / "images" / chain.hexdigest()[:24]
            if not folder.is_dir():
                say(f"unpacking {archive.name} into the cache")
                _extend(parent, archive, folder)
            # Touched for every user: a template must not expire before those that have links into it.
            os.utime(folder)
            parent = folder
    return folder


def _extend(parent: Path | None, archive: Path, result: Path) -> None:
    with tempfile.TemporaryDirectory(dir=result.parent, prefix=_UNFINISHED) as temporary:
        folder = Path(temporary)
        if parent:
            clone(parent, folder / "root")
        with _private_containerd(folder) as socket:
            import_archive(socket, archive)
        (folder / "root").rename(result)


@contextmanager
def _private_containerd(folder: Path) -> Iterator[Path]:
    (folder / "containerd.toml").write_text(_CONFIGURATION.format(folder=folder))
    with (folder / "log").open("wb") as log:
        command = tied_to_caller("containerd", "--config", str(folder / "containerd.toml"))
        daemon = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    socket = folder / "containerd.sock"
    try:
        wait_until(lambda: answers(socket), "containerd for the image cache", _START_SECONDS)
        yield socket
    finally:
        daemon.terminate()
        daemon.wait()


def answers(socket: Path) -> bool:
    """Whether a containerd serves on this socket."""
    if not socket.exists():
        return False
    try:
        run("ctr", "--address", socket, "--connect-timeout", "1s", "version")
    except CommandError:
        return False
    return True


def clone(source: Path, target: Path) -> None:
    """Make a containerd root from a template: links to what never changes, copies of the databases."""
    (target / _SNAPSHOTS).mkdir(parents=True)
    (target / _BLOBS).mkdir(parents=True)
    (target / _CONTENT / "ingest").mkdir()
    for layer in (source / _SNAPSHOTS).iterdir():
        (target / _SNAPSHOTS / layer.name).symlink_to(layer.resolve())
    for blob in (source / _BLOBS).iterdir():
        # containerd asks for the size of the file itself, which a symbolic link would get wrong.
        _link_or_copy(blob, target / _BLOBS / blob.name)
    for database in _DATABASES:
        (target / database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / database, target / database)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _forget_unused(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        interrupted = path.name.startswith(_UNFINISHED)
        if path.is_dir() and (interrupted or path.stat().st_mtime < oldest):
            shutil.rmtree(path)


def pause_archive(cache: Path) -> Path:
    """Return the archive of the image that holds a pod's namespaces; compiled when it is not in the cache."""
    key = hashlib.sha256(_PAUSE_SOURCE.read_bytes() + PAUSE_IMAGE.encode()).hexdigest()[:12]
    archive = cache / "images" / f"pause-{key}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=_UNFINISHED) as temporary:
            program, result = Path(temporary, "pause"), Path(temporary, "archive")
            run("gcc", "-Os", "-static", "-s", "-o", program, _PAUSE_SOURCE)
            result.write_bytes(single_program_archive(PAUSE_IMAGE, "/pause", program.read_bytes()))
            result.rename(archive)
    return archive


def single_program_archive(name: str, path: str, program: bytes) -> bytes:
    """Return an OCI archive of an image with one program and nothing else (OCI image layout 1.0)."""
    layer = _tar({path.strip("/"): program}, mode=0o755)
    configuration = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": [path], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    config = json.dumps(configuration).encode()
    kind = "application/vnd.oci.image"
    manifest_document = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": _descriptor(f"{kind}.config.v1+json", config),
        "layers": [_descriptor(f"{kind}.layer.v1.tar", layer)],
    }
    manifest = json.dumps(manifest_document).encode()
    entry = _descriptor(f"{kind}.manifest.v1+json", manifest)
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {"io.containerd.image.name": name}}]}
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
    blobs = {
        f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}": blob for blob in (layer, config, manifest)
    }
    return _tar({**files, **blobs}, mode=0o644)


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
