"""Whether two builds of the same content give the same images: `python -m deploy.images reproducible`.

Both are made from nothing, in folders of their own. Debian's packages move on, so a build of last week is
no measure.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.images.build import build
from deploy.images.inputs import TARGETS

if TYPE_CHECKING:
    from deploy.images.build import Built, Naming, Workshop


def compare(naming: Naming, workshop: Workshop) -> int:
    """Build everything twice, and print the digests; 1 if they differ. Takes some ten minutes.

    Raises EngineError, CommandError.
    """
    workshop.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workshop.cache, prefix="reproducible-") as folder:
        found = [
            [
                build(target, naming, replace(workshop, cache=Path(folder, which)))
                for target in TARGETS.values()
            ]
            for which in ("first", "second")
        ]
        differing = [
            said for first, second in zip(*found, strict=True) for said in differences(first, second)
        ]
        for built in found[0]:
            print(f"{built.digest} {built.name}")
    for said in differing:
        print(said, file=sys.stderr)
    return 1 if differing else 0


def differences(first: Built, second: Built) -> list[str]:
    """Return what differs between two builds of an image, a line each."""
    named = [
        f"{first.name}: {what}: {one} and {other}"
        for what, one, other in (
            ("files of the checkout, which changed meanwhile", first.content_name, second.content_name),
            ("manifest", first.digest, second.digest),
            ("SBOM", first.sbom.read_text(), second.sbom.read_text()),
        )
        if one != other
    ]
    if not named:
        return []
    layers = zip(_layers(first.archive), _layers(second.archive), strict=False)
    return named + [
        f"{first.name}: layer {place}" for place, (one, other) in enumerate(layers) if one != other
    ]


def _layers(archive: Path) -> list[str]:
    """Return the digests of the layers as an OCI archive has them."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> Any:  # noqa: ANN401 - JSON
            file = tar.extractfile(name)
            return json.load(file) if file else {}

        digest = read("index.json")["manifests"][0]["digest"]
        manifest = read(f"blobs/{digest.replace(':', '/')}")
    return [layer["digest"] for layer in manifest["layers"]]
