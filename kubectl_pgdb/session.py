"""What every command is given: kubectl, the terminal, and how to answer; and the options that decide it."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.theme import Theme

from kubectl_pgdb.kubectl import Kubectl, KubectlError, Runner, run
from kubectl_pgdb.objects import LABEL, OPERATOR, Database, database
from kubectl_pgdb.words import moment

PLURAL: Final = "postgresqldatabases.keddah.dev"
KIND: Final = "PostgreSQLDatabase"
_PIPED_WIDTH: Final = 200
"""Of lines that nobody looks at: wide enough that tables lose nothing."""
# The sixteen colours of the terminal: its owner has chosen them to be read on a light or a dark ground. Of
# these, cyan and yellow are hardly seen on white in most terminals, nor blue on black.
THEME: Final = Theme(
    {
        "good": "green",
        "bad": "bold red",
        "odd": "magenta",
        "name": "bold",
        "faint": "dim",
        "head": "bold",
        "repr.number": "none",
    }
)


def screen(*, width: int | None = None, colour: bool | None = None) -> Console:
    """Return a console for standard output; piped, it has no colours and breaks no lines."""
    piped = not sys.stdout.isatty()
    wide = width or (_PIPED_WIDTH if piped else None)
    return Console(
        theme=THEME, highlight=False, soft_wrap=False, width=wide, no_color=colour is False or None
    )


@dataclass(frozen=True)
class Session:
    """One run of a command."""

    kubectl: Kubectl
    console: Console
    as_json: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def shows(self) -> bool:
        """Whether only the plain kubectl is shown."""
        return self.kubectl.show

    def answer(self, content: object, renderable: RenderableType) -> None:
        """Print what a command has found: as JSON, or for people; nothing if only commands are shown."""
        if self.shows:
            return
        if self.as_json:
            click.echo(json.dumps(content, default=plain, indent=2))
        elif self.console.is_terminal:
            self.console.print(renderable)
        else:
            with self.console.capture() as captured:
                self.console.print(renderable)
            click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def say(self, words: str) -> None:
        """Tell a person what happens; on standard error, so that output stays what it is."""
        if not self.shows:
            click.echo(words, err=True)

    def unanswered(self, name: str, error: KubectlError) -> str:
        """Say why no instance answers: in kubectl's words, and by what keddah says of the database."""
        try:
            ready = database(self.kubectl.read("get", PLURAL, name)).condition("Ready")
        except KubectlError as other:
            return str(other.message)
        how = f"{name} is {ready.reason}: {ready.message}" if ready else f"{name} was not looked at yet"
        return f"{error.message.strip()}\n{how}\n`kubectl pgdb status {name}` says what to do."

    def database(self, name: str, *, controller: bool = False) -> Database:
        """Read a database, with all that belongs to it; raises KubectlError if it is not to be had.

        `controller`: and when keddah's controller was last heard of.
        """
        named = f"involvedObject.kind={KIND},involvedObject.name={name}"
        live, children, told, *lease = self.kubectl.reads(
            ("get", PLURAL, name),
            ("get", "pods,persistentvolumeclaims,jobs", f"--selector={LABEL}={name}"),
            ("get", "events", f"--field-selector={named}"),
            *([("get", "lease", "keddah-controller", f"--namespace={OPERATOR}")] if controller else []),
        )
        if isinstance(live, Exception):
            raise live
        if self.shows:
            return Database(name=name, namespace="")
        unread = tuple(str(each) for each in (children, told) if isinstance(each, Exception))
        lists = [[] if isinstance(each, Exception) else each["items"] for each in (children, told)]
        found = dataclasses.replace(database(live, *lists), unread=unread)
        renewed = [each.get("spec", {}).get("renewTime") for each in lease if not isinstance(each, Exception)]
        return dataclasses.replace(found, controller_seen=moment(*renewed)) if renewed else found


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON takes
    """Return a value of ours as JSON has it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return str(value)


def completing(context: click.Context) -> Kubectl:
    """Return kubectl for who completes a command: pointed where the words before say."""
    given = context.params
    flags = _flags(given.get("context"), given.get("namespace"), given.get("kubeconfig"))
    return Kubectl((*flags, "--request-timeout=2s"), runner=context.find_root().obj or run)


def names(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Complete the name of a database."""
    found = completing(context).attempt("get", PLURAL, "--output=name").out.split()
    return [name.rpartition("/")[2] for name in found if name.rpartition("/")[2].startswith(begun)]


NAME: Final = partial(click.argument, "name", shell_complete=names)
"""The argument that every command but a few has."""

_OPTIONS: Final = (
    click.option("-n", "--namespace", help="Of the database; the context's by default."),
    click.option("--context", help="Of the kubeconfig."),
    click.option("--kubeconfig", type=click.Path(), help="File that says where the cluster is."),
    click.option(
        "-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the answer."
    ),
    click.option(
        "--show", is_flag=True, help="Print the plain kubectl that this stands for, and change nothing."
    ),
)


def _flags(context: str | None, namespace: str | None, kubeconfig: str | None) -> tuple[str, ...]:
    given = {"context": context, "namespace": namespace, "kubeconfig": kubeconfig}
    return tuple(f"--{name}={value}" for name, value in given.items() if value)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the common options, and the session that follows from them as its first argument."""

    @wraps(function)
    def wrapped(
        *,
        namespace: str | None,
        context: str | None,
        kubeconfig: str | None,
        output: str,
        show: bool,
        **given: Any,  # noqa: ANN401 - what the command declares
    ) -> None:
        runner: Runner = click.get_current_context().obj or run
        kubectl = Kubectl(_flags(context, namespace, kubeconfig), show=show, runner=runner)
        function(Session(kubectl, screen(), output == "json"), **given)

    wrapped_as: Callable[..., None] = wrapped
    for option in reversed(_OPTIONS):
        wrapped_as = option(wrapped_as)
    return wrapped_as
