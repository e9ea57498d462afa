"""Records for the pictures of the documentation what a real Prometheus and the plugin show of a database."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.documentation import recorded
from deploy.documentation.record import main, status
from tests.databases import Database
from tests.prometheus import Prometheus

_ROOT: Final = Path(__file__).parents[1]
_MINUTES: Final = 6


def record(origin: str, prometheus: Prometheus, database: Database) -> None:
    """Write both records anew; `make manifests` then draws them."""
    place = ["--namespace", database.namespace]
    asked = ["--prometheus", prometheus.address, "--database", database.name, "--minutes", str(_MINUTES)]
    assert main(["board", origin, *place, *asked]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_pgdb", "status", database.name, *place, "--output=json"],
        env=database.cluster.environment,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    text = status(origin, datetime.now(UTC), json.loads(done.stdout))
    (recorded.FOLDER / recorded.STATUS).write_text(text, encoding="utf-8")
