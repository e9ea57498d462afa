"""What kubectl runs to complete `kubectl pgdb …` (kubectl, plugins: an executable `kubectl_complete-pgdb`).

It is given the words so far, and prints candidates, then a line with a directive, as cobra's completion does.
"""

from __future__ import annotations

import sys
from typing import Final

import click
from click.shell_completion import ShellComplete

from kubectl_pgdb.__main__ import main as program
from kubectl_pgdb.kubectl import Runner, run

_NO_FILES: Final = ":4"
"""cobra's ShellCompDirectiveNoFileComp."""


def candidates(words: list[str], runner: Runner = run) -> list[str]:
    """Return what the last word may become."""
    *before, begun = words or [""]
    complete = ShellComplete(program, {"obj": runner}, "kubectl-pgdb", "_KUBECTL_PGDB_COMPLETE")
    return [found.value for found in complete.get_completions(before, begun)]


def main() -> None:
    """Print the candidates."""
    for value in candidates(sys.argv[1:]):
        click.echo(value)
    click.echo(_NO_FILES)
