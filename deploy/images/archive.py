"""Archives of images, in OCI's layout."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CONTAINERD = "io.containerd.image.name"
_REFERENCE = "org.opencontainers.image.ref.name"


def pack(layout: Path, names: Sequence[str], file: Path) -> None:
    """Write a layout of one image to a tar, under these names; an importer sees one image with all of them.

    The first file in it is the index, which is all that is needed to tell one archive from another.
    """
    index = json.loads((layout / "index.json").read_text())
    (manifest,) = index["manifests"]
    index["manifests"] = [
        manifest | {"annotations": {_CONTAINERD: name, _REFERENCE: name.rpartition(":")[2]}} for name in names
    ]
    with tarfile.open(file, "w") as tar:
        _add(tar, "index.json", json.dumps(index).encode())
        for path in sorted(layout.rglob("*")):
            if path.is_file() and path.name != "index.json":
                tar.add(path, arcname=str(path.relative_to(layout)))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def digest(file: Path) -> str:
    """Return the digest of the image's manifest, "" where the archive has no index (Docker before 25)."""
    with tarfile.open(file) as tar:
        try:
            index = tar.extractfile("index.json")
        except KeyError:
            return ""
        found = {str(entry["digest"]) for entry in json.load(index)["manifests"]} if index else set()
    return found.pop() if len(found) == 1 else ""
