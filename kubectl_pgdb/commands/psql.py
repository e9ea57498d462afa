"""`kubectl pgdb psql`."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from kubectl_pgdb.activity import SAFE_PATH
from kubectl_pgdb.objects import CONTAINER, instance_name
from kubectl_pgdb.session import NAME, PLURAL, Session, command

_AS_APPLICATION: Final = 'exec psql "$(cat /etc/keddah/app/uri)" "$@"'
"""Through the Service and with the application's password, which its pod has: none is in a command line."""

_PINNED: Final = (
    "As the superuser search_path is pg_catalog, pg_temp: write public.orders for a table; or use --app."
)


@click.command(context_settings={"ignore_unknown_options": False})
@NAME()
@click.option("-d", "--dbname", help="Database in the server; the application's by default.")
@click.option("-i", "--instance", help="Which instance; the primary by default.")
@click.option("--app", is_flag=True, help="As the application, instead of as the superuser.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@command
def psql(session: Session, name: str, arguments: tuple[str, ...], **given: Any) -> None:  # noqa: ANN401
    """Begin a session of psql. ARGUMENTS after `--` are psql's own: psql orders -- -c 'SELECT 1'.

    The superuser's begins with PostgreSQL's own names only, so that nothing of the database's owner is
    executed as the superuser: write public.orders for a table. With --app the search_path is the
    application's.
    """
    pod = instance_name(name, given["instance"]) if given["instance"] else f"service/{name}"
    where = ("exec", pod, f"--container={CONTAINER}", "--stdin", *(["--tty"] if sys.stdin.isatty() else []))
    if given["app"]:
        session.kubectl.become(*where, "--", "sh", "-c", _AS_APPLICATION, "psql", *arguments)
        return
    to = given["dbname"] or _application(session, name)
    if sys.stderr.isatty():
        session.say(_PINNED)
    session.kubectl.become(*where, "--", "env", SAFE_PATH, "psql", f"--dbname={to}", *arguments)


def _application(session: Session, name: str) -> str:
    """Return the name of the application's database; raises ClickException where no server runs."""
    spec = session.kubectl.read("get", PLURAL, name).get("spec") or {}
    if spec.get("hibernated"):
        raise click.ClickException(f"{name} is hibernated: `kubectl pgdb wake {name}` first")
    return str(spec.get("database", "app"))
