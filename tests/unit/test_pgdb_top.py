"""`kubectl pgdb top` while no instance answers: it says why, and goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice

from click.testing import CliRunner
from rich.console import Console

from kubectl_pgdb.__main__ import main
from kubectl_pgdb.commands.top import Place, screens
from kubectl_pgdb.kubectl import Ended, Kubectl
from kubectl_pgdb.session import Session
from tests.factory import database
from tests.pgdb import condition, printed
from tests.unit.test_pgdb_screens import BUSY

READY = condition("Ready", "FailingOver", "orders-0 was primary", "False")


class Server:
    """kubectl whose `exec` reaches an instance, or none."""

    def __init__(self, **spec: object) -> None:
        self.reached, self._live = False, database("orders", **spec)

    def __call__(self, command: Sequence[str], given: str | None) -> Ended:
        """Answer as the instance, or as the API server."""
        del given
        if "exec" not in command:
            return Ended(0, json.dumps(self._live | {"status": {"conditions": [READY]}}))
        return Ended(0, json.dumps(BUSY)) if self.reached else Ended(1, err="error: no running pods\n")


def test_a_look_that_reaches_nobody_says_what_is_known_of_the_database() -> None:
    done = CliRunner().invoke(main, ["top", "orders", "--once"], obj=Server())
    assert done.exit_code == 1
    assert done.output == (
        "Error: no running pods\n"
        "orders is FailingOver: orders-0 was primary\n"
        "`kubectl pgdb status orders` says what to do.\n"
    )


def test_live_it_begins_and_goes_on_without_an_answer() -> None:
    server = Server()
    looks = screens(Session(Kubectl(runner=server), Console()), Place("orders"))
    (before,) = map(printed, islice(looks, 1))
    assert before.startswith("no running pods\norders is FailingOver")
    server.reached = True
    (found,) = map(printed, islice(looks, 1))
    assert "3 of 100 connections" in found
    server.reached = False
    (after,) = map(printed, islice(looks, 1))
    assert after.startswith(found.rstrip("\n"))
    assert "orders is FailingOver" in after


def test_no_session_is_begun_where_no_server_runs() -> None:
    done = CliRunner().invoke(main, ["psql", "orders"], obj=Server(hibernated=True))
    assert done.exit_code == 1
    assert done.output == "Error: orders is hibernated: `kubectl pgdb wake orders` first\n"
