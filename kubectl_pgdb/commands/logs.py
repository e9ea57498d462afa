"""`kubectl pgdb logs`."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any, Final

import click

from kubectl_pgdb.following import followed
from kubectl_pgdb.lines import Line, read
from kubectl_pgdb.objects import COMPONENT, INSTANCE, LABEL, instance_name
from kubectl_pgdb.screens.logs import line as screen
from kubectl_pgdb.session import NAME, Session, command

_MOST_STREAMS: Final = 50


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
    pods = _pods(name, given["instance"], every=given["every"])
    arguments = _arguments(name, **given)
    if follow:
        with suppress(KeyboardInterrupt):
            for line in followed(session, arguments, pods):
                _print(session, line)
        return
    found = sorted(map(read, session.kubectl.stream(*arguments)), key=lambda each: each.at)
    for line in found:
        _print(session, line)
    if not found:
        session.say(f"no lines; `kubectl pgdb status {name}` shows whether instances run")


def _pods(name: str, instance: str | None, *, every: bool) -> list[str]:
    """Say which pods these are, as arguments of `kubectl get`."""
    if instance:
        return [f"--field-selector=metadata.name={instance_name(name, instance)}"]
    return [f"--selector={_selector(name, every=every)}"]


def _selector(name: str, *, every: bool) -> str:
    return f"{LABEL}={name}" if every else f"{LABEL}={name},{COMPONENT}={INSTANCE}"


def _arguments(
    name: str, *, tail: int, since: str | None, instance: str | None, container: str | None, every: bool
) -> list[str]:
    whose = [instance_name(name, instance)] if instance else []
    return [
        "logs",
        *(whose or [f"--selector={_selector(name, every=every)}"]),
        f"--container={container}" if container else "--all-containers",
        "--prefix",
        "--timestamps",
        "--ignore-errors",
        f"--tail={tail}",
        f"--max-log-requests={_MOST_STREAMS}",
        *([f"--since={since}"] if since else []),
    ]


def _print(session: Session, line: Line) -> None:
    if session.as_json:
        named = {"ts": line.at, "level": line.level, "logger": line.logger, "instance": line.instance}
        click.echo(json.dumps({**named, "msg": line.message, **line.more}, default=str))
    else:
        session.console.print(screen(line), soft_wrap=True)
    sys.stdout.flush()
