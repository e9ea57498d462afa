"""Programs that ask a restored server are out of reach of what was restored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from controller.sessions import options
from deploy.images.backup.scratch import Server


@pytest.mark.parametrize("program", ["psql", "pg_amcheck"])
def test_every_program_has_the_settings_of_a_superusers_session(tmp_path: Path, program: str) -> None:
    file = tmp_path / program
    file.write_text('#!/bin/sh\necho "$PGOPTIONS"\n')
    file.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        server = Server(tmp_path, tmp_path, tmp_path, process)
        assert server.run(program, "--all").stdout.strip() == options(superuser=True)
