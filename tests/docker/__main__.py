"""`python -m tests.docker up`: a Docker engine beside everything else; `down` takes all of it away.

`registry` starts a private registry that the engine and the machine's clusters reach, and prints its address;
`node` builds an image of a node for kind, and prints its name and where kind is; `run COMMAND ...` runs a
command where the engine's ports are; `conformance [COMMAND ...]` runs the cluster tier, or a command, on a
kind cluster made for it, and takes cluster and engine away.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from deploy.local.build import BuildError
from deploy.local.processes import CommandError, NotReadyError
from tests.docker import conformance, node, registry
from tests.docker.engine import REGISTRY, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run one command, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.docker", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "registry", "node", "run", "conformance"])
    parser.add_argument("words", nargs=argparse.REMAINDER, help="of `run` and `conformance`: the command")
    options = parser.parse_args(arguments)
    try:
        return _run(options.command, options.words, Engine.of())
    except (BuildError, CommandError, NotReadyError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(command: str, words: list[str], engine: Engine) -> int:
    if command == "down":
        engine.down()
        return 0
    if command == "run":
        environment = {**os.environ, **engine.environment()}
        return subprocess.run(engine.within(*words), env=environment, check=False).returncode
    if command == "conformance":
        return conformance.run(engine, words)
    engine.up()
    if command == "registry":
        registry.up(engine)
        print(REGISTRY)
    elif command == "node":
        kind = node.build(engine)
        print(node.IMAGE, kind, sep="\n")
    else:
        environment = engine.environment()
        print(*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
