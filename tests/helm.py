"""The real helm: with a kubeconfig, and folders of its own."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import yaml

from deploy.manifests import CHART
from tests.kubectl import Output

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rest import Object


class Helm:
    """helm for one cluster, and the release `keddah` in keddah-system."""

    def __init__(self, program: Path, kubeconfig: Path, folder: Path) -> None:
        self._program = program
        folders = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        self._environment = {**os.environ, **folders, "KUBECONFIG": str(kubeconfig)}

    def __call__(self, *arguments: str) -> Output:
        """Run one command to its end."""
        command = [str(self._program), *arguments, "--namespace", "keddah-system"]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        return Output(done.returncode, done.stdout, done.stderr)

    def good(self, *arguments: str) -> str:
        """Run one command that must succeed, and give what it printed."""
        done = self(*arguments)
        assert done.code == 0, done.err
        return done.out

    def rendered(self, *options: str) -> dict[tuple[str, str], Object]:
        """Return what the chart makes of values, by kind and name."""
        made = [
            each
            for each in yaml.safe_load_all(self.good("template", "keddah", str(CHART), *options))
            if each is not None
        ]
        found = {(each["kind"], each["metadata"]["name"]): each for each in made}
        assert len(found) == len(made)
        return found
