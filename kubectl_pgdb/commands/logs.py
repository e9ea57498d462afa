"""`kubectl pgdb logs`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import click

from kubectl_pgdb.kubectl import KubectlError
from kubectl_pgdb.lines import Line, read
from kubectl_pgdb.objects import COMPONENT, INSTANCE, LABEL, instance_name
from kubectl_pgdb.screens.logs import line as screen
from kubectl_pgdb.session import NAME, Session, command

_MOST_STREAMS: Final = 50
_AGAIN_SECONDS: Final = 1.0
"""Until an instance that restarts may have a container again."""


@click.command
@NAME()
@click.option("-f", "--follow", is_flag=True, help="Go on, across restarts of instances.")
@click.option("--tail", type=int, default=200, show_default=True, help="Lines of each container; -1 for all.")
@click.option("--since", help="No older than this, such as 10m.")
@click.option("-i", "--instance", help="Of one instance only.")
@click.option("-c", "--container", help="Of one container only, such as postgres.")
@click.option("--all", "every", is_flag=True, help="Of the repository and the Jobs of backups, too.")
@command
def logs(session: Session, name: str, *, follow: bool, **given: Any) -> None:  # noqa: ANN401
    """Print the logs of all instances, in the order of time; JSON lines are made readable."""
    arguments = _arguments(name, **given)
    if not follow:
        for line in sorted(map(read, session.kubectl.stream(*arguments)), key=lambda each: each.at):
            _print(session, line)
        return
    for line in _followed(session, arguments):
        _print(session, line)


def _arguments(
    name: str, *, tail: int, since: str | None, instance: str | None, container: str | None, every: bool
) -> list[str]:
    selector = f"{LABEL}={name}" if every else f"{LABEL}={name},{COMPONENT}={INSTANCE}"
    whose = [instance_name(name, instance)] if instance else []
    return [
        "logs",
        *(whose or [f"--selector={selector}"]),
        f"--container={container}" if container else "--all-containers",
        "--prefix",
        "--timestamps",
        "--ignore-errors",
        f"--tail={tail}",
        f"--max-log-requests={_MOST_STREAMS}",
        *([f"--since={since}"] if since else []),
    ]


def _followed(session: Session, arguments: list[str]) -> Iterator[Line]:
    """Give lines as they come; kubectl ends when a container does, and is begun again from there on."""
    known, newest, said = "", "", arguments
    while True:
        try:
            for line in map(read, session.kubectl.stream(*said, "--follow")):
                if line.stamp > known:
                    yield line
                    newest = max(newest, line.stamp)
        except KubectlError as error:
            session.say(error.message)
        if session.shows:
            return
        time.sleep(_AGAIN_SECONDS)
        known = newest
        since = newest or session.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        keep = [each for each in arguments if not each.startswith(("--since", "--tail"))]
        said = [*keep, f"--since-time={since}"]


def _print(session: Session, line: Line) -> None:
    if session.as_json:
        named = {"ts": line.at, "level": line.level, "logger": line.logger, "instance": line.instance}
        click.echo(json.dumps({**named, "msg": line.message, **line.more}, default=str))
    else:
        session.console.print(screen(line), soft_wrap=True)
    sys.stdout.flush()
