from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.images import archive
from deploy.images.build import Built, Naming, Workshop, build, unpacked
from deploy.images.inputs import Target
from deploy.images.sbom import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CODE = Target("operator", ("code",))
INVENTORY = """{
    "system": {"ID": "debian", "VERSION_ID": "13"},
    "debian": [{"name": "libc6", "version": "2.41-12", "architecture": "amd64", "source": "glibc",
        "source_version": "2.41-12"}],
    "python": [{"name": "kopf", "version": "1.45.2", "license": "MIT"}]
}"""
NAMING = Naming("registry.example/team", "1.2.3")


class BrokenError(Exception):
    """What an engine raises that cannot build."""


@dataclass
class Engine:
    """An engine that remembers what it was to build, or breaks."""

    broken: bool = False
    built: list[str] = field(default_factory=list)
    unpacked: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def build(
        self, context: Path, target: str, name: str, secrets: Mapping[str, Path], labels: Mapping[str, str]
    ) -> None:
        """Look at what an engine would be given."""
        self.labels = dict(labels)
        assert (context / "Dockerfile").exists()
        assert target == "operator"
        assert all(file.exists() for file in secrets.values())
        if self.broken:
            raise BrokenError
        self.built.append(name)

    def run(self, name: str, script: str) -> str:
        """Answer for an image that was built."""
        assert name in self.built
        return '- version: "17.12"\n' if "catalogue.yaml" in script else INVENTORY

    def unpack(self, name: str, folder: Path) -> None:
        """Unpack one file."""
        (folder / "name").write_text(name)
        self.unpacked.append(name)

    def archive(self, name: str, names: Sequence[str], file: Path) -> None:
        """Write what an archive would be of."""
        with tarfile.open(file, "w") as tar:
            assert name in self.built
            index = {"manifests": [{"digest": f"sha256:{'a' * 64}", "name": each} for each in names]}
            text = json.dumps(index).encode()
            member = tarfile.TarInfo("index.json")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))

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
    with tarfile.open(built.archive) as tar:
        index = json.load(tar.extractfile("index.json") or io.BytesIO(b"{}"))
    assert [each["name"] for each in index["manifests"]] == [built.name, built.content_name]


def test_what_is_in_the_image_is_known_without_asking_it_again(bench: Bench) -> None:
    assert build(CODE, NAMING, bench).catalogue == '- version: "17.12"\n'


def git(bench: Bench, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(bench.checkout), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_an_image_says_the_last_commit_that_changed_it(bench: Bench) -> None:
    prefix = "org.opencontainers.image."
    build(CODE, NAMING, bench)
    assert f"{prefix}revision" not in bench.made_by.labels
    assert bench.made_by.labels[f"{prefix}created"] == "2026-11-01T00:00:00Z"
    git(bench, "init", "--quiet")
    git(bench, "add", ".")
    git(bench, "commit", "--quiet", "--message", "one")
    changed = git(bench, "rev-parse", "HEAD")
    git(bench, "commit", "--quiet", "--allow-empty", "--message", "of something else")
    build(CODE, NAMING, replace(bench, month="2026-12"))
    assert bench.made_by.labels[f"{prefix}revision"] == changed
    (bench.checkout / "code/a.py").write_text("not committed")
    build(CODE, NAMING, bench)
    assert f"{prefix}revision" not in bench.made_by.labels


@pytest.mark.parametrize(
    "change",
    [{"month": "2026-12"}, {"platform": "linux/arm64"}, {"environment": {"SOURCE_DATE_EPOCH": "7"}}],
)
def test_another_base_platform_or_time_is_another_image(bench: Bench, change: dict[str, Any]) -> None:
    here = replace(bench, platform="linux/amd64")
    assert build(CODE, NAMING, here) != build(CODE, NAMING, replace(here, **change))


def test_what_is_in_an_image_is_listed_by_cyclonedx_the_same_each_time(bench: Bench) -> None:
    here = replace(bench, platform="linux/amd64")
    text = build(CODE, NAMING, here).sbom.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"libc6"', "6")) is not None
    purls = {component["purl"] for component in json.loads(text)["components"]}
    assert "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc%402.41-12" in purls
    assert "pkg:pypi/kopf@1.45.2" in purls
    image = json.loads(text)["metadata"]["component"]
    assert image["purl"] == f"pkg:oci/keddah-operator@sha256:{'a' * 64}?arch=amd64"
    assert versions(text) == {"libc6": "2.41-12"}
    assert build(CODE, NAMING, replace(here, cache=bench.cache / "other")).sbom.read_text() == text


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
