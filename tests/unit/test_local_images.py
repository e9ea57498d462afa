from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from deploy.local import images

LAYER = Path("io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/bin")
BLOB = Path("io.containerd.content.v1.content/blobs/sha256/ab")
DATABASE = Path("io.containerd.metadata.v1.bolt/meta.db")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    root = tmp_path / "template"
    for file in (LAYER, BLOB, DATABASE, Path("io.containerd.snapshotter.v1.overlayfs/metadata.db")):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("first")
    return root


def archive(path: Path, program: bytes) -> Path:
    path.write_bytes(images.single_program_archive("keddah.local/x:1", "/x", program))
    return path


def test_a_clone_sees_the_layers_and_blobs_of_its_template(template: Path, tmp_path: Path) -> None:
    images.clone(template, tmp_path / "clone")
    assert (tmp_path / "clone" / LAYER).read_text() == "first"
    assert (tmp_path / "clone" / BLOB).stat().st_size == len("first")
    assert not (tmp_path / "clone" / BLOB).is_symlink()


def test_a_clone_has_databases_of_its_own(template: Path, tmp_path: Path) -> None:
    images.clone(template, tmp_path / "clone")
    (tmp_path / "clone" / DATABASE).write_text("second")
    assert (template / DATABASE).read_text() == "first"


def test_a_clone_of_a_clone_links_to_the_template_itself(template: Path, tmp_path: Path) -> None:
    images.clone(template, tmp_path / "one")
    images.clone(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two" / LAYER.parents[1]).readlink() == template / LAYER.parents[1]


def test_archives_of_the_same_image_are_the_same(tmp_path: Path) -> None:
    one, other = archive(tmp_path / "1", b"program"), archive(tmp_path / "2", b"program")
    assert images.archive_identity(one) == images.archive_identity(other)


def test_archives_of_two_images_differ(tmp_path: Path) -> None:
    one, other = archive(tmp_path / "1", b"program"), archive(tmp_path / "2", b"another")
    assert images.archive_identity(one) != images.archive_identity(other)


def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a tar")
    with pytest.raises(images.ImageError, match=r"notes\.txt"):
        images.archive_identity(tmp_path / "notes.txt")


def test_an_archive_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError, match=r"missing\.tar"):
        images.archive_identity(tmp_path / "missing.tar")


def test_every_descriptor_of_a_built_archive_names_a_blob_of_that_size() -> None:
    content = images.single_program_archive("keddah.local/x:1", "/x", b"program")
    with tarfile.open(fileobj=BytesIO(content)) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    entry = json.loads(files["index.json"])["manifests"][0]
    manifest = json.loads(files[f"blobs/sha256/{entry['digest'].removeprefix('sha256:')}"])
    for descriptor in (entry, manifest["config"], *manifest["layers"]):
        blob = files[f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"]
        assert len(blob) == descriptor["size"]
