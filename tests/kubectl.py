"""The real kubectl: what a user types and reads."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Output:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


class Kubectl:
    """kubectl with one kubeconfig."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self._program = program
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}

    def __call__(self, *arguments: str, stdin: str = "") -> Output:
        """Run one command to its end."""
        done = subprocess.run(
            [str(self._program), *arguments],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Output(done.returncode, done.stdout, done.stderr)

    def good(self, *arguments: str, stdin: str = "") -> str:
        """Run one command that must succeed, and give what it printed."""
        done = self(*arguments, stdin=stdin)
        assert done.code == 0, done.err
        return done.out
