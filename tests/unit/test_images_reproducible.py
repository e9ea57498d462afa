"""What two builds of an image differ by; the builds themselves are `python -m deploy.images reproducible`."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from deploy.images.build import Built
from deploy.images.reproducible import differences


def built(folder: Path, *layers: str, content: str = "abc") -> Built:
    """Write an archive of these layers as OCI lays it out, with a list of what is in it."""
    folder.mkdir()
    manifest = json.dumps({"layers": [{"digest": layer} for layer in layers]}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    index = json.dumps({"manifests": [{"digest": f"sha256:{digest}"}]}).encode()
    with tarfile.open(folder / "image.tar", "w") as tar:
        for name, text in (("index.json", index), (f"blobs/sha256/{digest}", manifest)):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    (folder / "sbom.cdx.json").write_text("{}")
    return Built("operator:1", f"operator:1-{content}", folder)


def test_equal_builds_do_not_differ(tmp_path: Path) -> None:
    assert differences(built(tmp_path / "a", "one", "two"), built(tmp_path / "b", "one", "two")) == []


def test_the_layer_that_differs_is_named(tmp_path: Path) -> None:
    said = differences(built(tmp_path / "a", "one", "two"), built(tmp_path / "b", "one", "other"))
    assert said[0].startswith("operator:1: manifest: sha256:")
    assert said[1:] == ["operator:1: layer 1"]


def test_a_checkout_that_changed_meanwhile_is_no_comparison(tmp_path: Path) -> None:
    (said,) = differences(built(tmp_path / "a", "one"), built(tmp_path / "b", "one", content="def"))
    assert "changed meanwhile" in said
