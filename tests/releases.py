"""Two releases of keddah for the test of its upgrade: the one handed over before this, and the one after it.

`python -m tests.releases` builds their images, as `make test` does before it begins.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from deploy.generate.document import documents
from deploy.generate.kustomization import kustomization
from deploy.generate.objects import POLICY_KEY, VERSION
from deploy.manifests import KUSTOMIZATION, write
from deploy.target import CHECKOUT
from schemas.release import RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMER: Final = "473aedbd63bea8f146fa778c41c2f5eece7156eb"
"""The commit that was handed over before this one: whoever hands this one over names it here next."""
NEXT: Final = f"{RELEASE}-next"
CANARY_SECONDS: Final = 10
_SOURCES: Final = ("controller", "schemas", "webhooks", "deploy", "requirements")
_CHANGES: Final = (
    ("schemas/release.py", f'"{RELEASE}"', f'"{NEXT}"'),
    ("controller/desired/instances/pod.py", "_SHUTDOWN_SECONDS = 300", "_SHUTDOWN_SECONDS = 301"),
    ("controller/desired/repository/children.py", '"failureThreshold": 3', '"failureThreshold": 4'),
    ("controller/plan/fleet.py", "timedelta(minutes=1)", f"timedelta(seconds={CANARY_SECONDS})"),
)
"""Of the next release: its number, pods that are harmlessly different, and a shorter wait for the first."""


@dataclass(frozen=True)
class Release:
    """A checkout, and the images that its own builder made of it."""

    words: str
    """Which it is."""
    checkout: Path
    archives: tuple[Path, ...]
    operator: str
    postgres: str
    catalogue: tuple[dict[str, Any], ...]
    """Of PostgreSQL, in the database image."""

    def write_overlay(self, folder: Path, minor_upgrades: Mapping[str, Any]) -> Path:
        """Write what `kubectl apply --server-side -k` takes, as `make deploy` does; gives the folder."""
        installed = self.checkout / "deploy" / "install"
        configuration = yaml.safe_load((installed / "policy.yaml").read_text())
        policy = yaml.safe_load(configuration["data"][POLICY_KEY])
        policy["catalogue"] = [each | {"image": self.postgres} for each in self.catalogue]
        policy["minorUpgrades"] = dict(minor_upgrades)
        configuration["data"][POLICY_KEY] = yaml.safe_dump(policy)
        reference = os.path.relpath(installed, folder.resolve())
        body = kustomization([reference], tag=self.operator.rpartition(":")[2], patches=["policy.yaml"])
        write(folder, {"policy.yaml": documents([configuration]), KUSTOMIZATION: documents([body])})
        return folder


def former(folder: Path) -> Release:
    """Give the release before: the commit, or where this clone lacks it this checkout as it is."""
    if not shutil.which("git") or not _archived(FORMER, folder):
        return _built(f"this checkout, for this clone has no commit {FORMER[:7]}", CHECKOUT)
    return _built(f"commit {FORMER[:7]}", folder)


def following(folder: Path) -> Release:
    """Give the release after this one: this checkout with harmlessly different pods."""
    for name in _SOURCES:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(CHECKOUT / "Dockerfile", folder)
    for name, before, after in _CHANGES:
        text = (folder / name).read_text()
        assert text.count(before) == 1, f"{name} has not one {before}"
        (folder / name).write_text(text.replace(before, after))
    return _built("this checkout with different pods", folder)


def _archived(commit: str, folder: Path) -> bool:
    archive = folder / "commit.tar"
    command = ["git", "archive", "--output", str(archive), commit]
    folder.mkdir(exist_ok=True)
    if subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False).returncode != 0:
        return False
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", folder], check=True)
    return True


def _built(words: str, checkout: Path) -> Release:
    def images(*arguments: str) -> str:
        command = [sys.executable, "-m", "deploy.images", *arguments, "--tag", VERSION]
        return subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True).stdout

    operator, postgres = images("names", "--content").split()
    return Release(
        words,
        checkout,
        tuple(map(Path, images("build").split())),
        operator,
        postgres,
        tuple(yaml.safe_load(images("catalogue"))),
    )


def main(say: Callable[[str], object] = print) -> None:
    """Build what the cache lacks."""
    with tempfile.TemporaryDirectory() as folder:
        for make in (former, following):
            release = make(Path(folder, make.__name__))
            say(f"{make.__name__}: {release.words}: {release.operator}, {release.postgres}")


if __name__ == "__main__":
    main()
