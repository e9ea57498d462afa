from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.images import archive
from deploy.images.build import Built, Naming, Workshop, build, unpacked
from deploy.images.inputs import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CODE = Target("operator", ("code",))
NAMING = Naming("registry.example/team", "1.2.3")


class BrokenError(Exception):
    """What an engine raises that cannot build."""


@dataclass
class Engine:
    """An engine that remembers what it was to build, or breaks."""

    broken: bool = False
    built: list[str] = field(default_factory=list)
    unpacked: list[str] = field(default_factory=list)

    def build(self, context: Path, target: str, name: str, secrets: Mapping[str, Path]) -> None:
        """Look at what an engine would be given."""
        assert (context / "Dockerfile").exists()
        assert target == "operator"
        assert all(file.exists() for file in secrets.values())
        if self.broken:
            raise BrokenError
        self.built.append(name)

    def run(self, name: str, script: str) -> str:
        """Answer for an image that was built."""
        assert name in self.built
        return '- version: "17.12"\n' if "catalogue" in script else ""

    def unpack(self, name: str, folder: Path) -> None:
        """Unpack one file."""
        (folder / "name").write_text(name)
        self.unpacked.append(name)

    def archive(self, name: str, names: Sequence[str], file: Path) -> None:
        """Write what an archive would be of."""
        file.write_text(f"{name} as {' and '.join(names)}")

    def push(self, name: str, target: str) -> None:
        """Refuse: no test sends anything anywhere."""
        raise NotImplementedError


@dataclass(frozen=True)
class Bench(Workshop):
    """A workshop with an engine that makes nothing."""

    made_by: Engine = field(default_factory=Engine)

    def engine(self) -> Engine:
        """Give the test's engine, whatever the machine has."""
        return self.made_by


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    for name in ("Dockerfile", "deploy/images/dpkg.cfg", "code/a.py"):
        file = tmp_path / "checkout" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return Bench(tmp_path / "checkout", tmp_path / "cache", "2026-11", {"HOME": str(tmp_path)})


def archives(bench: Bench) -> list[Path]:
    return [path for path in (bench.cache / "archives").iterdir() if path.is_dir()]


def test_the_same_content_is_built_once(bench: Bench) -> None:
    assert build(CODE, NAMING, bench) == build(CODE, NAMING, bench)
    assert len(bench.made_by.built) == 1


def test_a_changed_file_gets_a_new_name_and_a_new_build(bench: Bench) -> None:
    before = build(CODE, NAMING, bench)
    (bench.checkout / "code/a.py").write_text("changed")
    after = build(CODE, NAMING, bench)
    assert after.name == before.name == "registry.example/team/keddah-operator:1.2.3"
    assert after.content_name != before.content_name
    assert bench.made_by.built == [before.content_name, after.content_name]


def test_the_archive_has_both_names(bench: Bench) -> None:
    built = build(CODE, NAMING, bench)
    assert built.archive.read_text() == f"{built.content_name} as {built.name} and {built.content_name}"


def test_what_is_in_the_image_is_known_without_asking_it_again(bench: Bench) -> None:
    assert build(CODE, NAMING, bench).catalogue == '- version: "17.12"\n'


def test_the_files_of_an_image_are_unpacked_once(bench: Bench) -> None:
    built = build(CODE, NAMING, bench)
    assert unpacked(built, bench) == unpacked(built, bench)
    assert (unpacked(built, bench) / "name").read_text() == built.content_name
    assert bench.made_by.unpacked == [built.content_name]


def test_a_failed_build_leaves_nothing_in_the_cache(bench: Bench) -> None:
    bench.made_by.broken = True
    with pytest.raises(BrokenError):
        build(CODE, NAMING, bench)
    assert archives(bench) == []
    bench.made_by.broken = False
    assert isinstance(build(CODE, NAMING, bench), Built)


def layout(folder: Path, digest: str) -> Path:
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / digest).write_text("a layer")
    (folder / "oci-layout").write_text("{}")
    manifest = {
        "digest": f"sha256:{digest}",
        "size": 7,
        "annotations": {"org.opencontainers.image.ref.name": "x"},
    }
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return folder


def test_an_archive_lists_its_image_under_each_name(tmp_path: Path) -> None:
    names = ("r.example/a:1", "r.example/a:1-abc")
    archive.pack(layout(tmp_path / "oci", "aa"), names, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        assert tar.getnames() == ["index.json", "blobs/aa", "oci-layout"]
        index = json.load(tar.extractfile("index.json") or io.BytesIO(b"{}"))
    found = [
        (entry["digest"], entry["annotations"]["io.containerd.image.name"]) for entry in index["manifests"]
    ]
    assert found == [("sha256:aa", name) for name in names]
