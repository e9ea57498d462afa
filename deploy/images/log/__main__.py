"""`keddah-log PROGRAM ARGUMENT...`: the first process of a container."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from controller.protocol.logs import COLLECTED, VARIABLE

from .containers import Container
from .files import Files
from .output import Output
from .program import NOT_FOUND, Program
from .supervisor import Supervisor, complain


def main(words: list[str]) -> int:
    """Run a program, and give its exit code."""
    if not words:
        complain("Name a program: keddah-log PROGRAM ARGUMENT...")
        return 2
    logger = Path(words[0]).name.replace("keddah-", "keddah.")
    supervisor = Supervisor(Container(os.environ), Files(Path(COLLECTED)), Output(), logger, time.time)
    try:
        program = Program(words, {**os.environ, VARIABLE: COLLECTED})
    except OSError as error:
        complain(f"Could not start {words[0]}: {error}")
        return NOT_FOUND
    return supervisor.run(program)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
