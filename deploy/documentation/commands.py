"""The page that lists every command of the plugin with its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from deploy.documentation.tables import code, prose, table
from kubectl_pgdb.__main__ import COMMANDS, main
from kubectl_pgdb.commands.status import status

_HEAD: Final = """\
# kubectl pgdb

<!-- Generated from kubectl_pgdb by `make manifests`. -->

`kubectl pgdb COMMAND --help` says the same. [How to use it](../how-to/kubectl-pgdb.md).

"""
_EVERYWHERE: Final = "\n## Options of every command\n\n"


def page() -> str:
    """Return the page."""
    rows = ((f"[{code(name)}](#{name})", words) for name, words in COMMANDS.items())
    sections = (part for name in COMMANDS for part in _sections(name, _command(main, name)))
    common = (each for each in status.params if each.name in _common())
    everywhere = table("option", "meaning", rows=map(_option, common))
    return _HEAD + table("command", "does", rows=rows) + _EVERYWHERE + everywhere + "".join(sections)


def _command(group: click.Command, name: str) -> click.Command:
    assert isinstance(group, click.Group)  # noqa: S101 - who calls knows
    found = group.get_command(click.Context(group), name)
    assert found is not None  # noqa: S101 - it is in the list of the group
    return found


def _sections(name: str, command: click.Command) -> Iterator[str]:
    """Give the section of a command; the commands of a group follow in it."""
    yield f"\n## {name}\n\n"
    yield from _section(name, command)
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            yield f"\n### {name} {inner}\n\n"
            yield from _section(f"{name} {inner}", _command(command, inner))


def _section(name: str, command: click.Command) -> Iterator[str]:
    arguments = [each.make_metavar(click.Context(command)) for each in command.params if not _is_option(each)]
    yield f"```\n{' '.join(['kubectl pgdb', name, *arguments])}\n```\n"
    yield prose(" ".join((command.help or "").replace("\b", "").split())) + "\n"
    own = [each for each in command.params if _is_option(each) and each.name not in _common()]
    if own:
        yield "\n" + table("option", "meaning", rows=map(_option, own))


def _common() -> frozenset[str | None]:
    """Return the names of the options that are not a command's own."""
    return frozenset({"namespace", "context", "kubeconfig", "output", "show"})


def _is_option(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option)


def _option(parameter: click.Parameter) -> tuple[str, str]:
    """Return the row of an option."""
    assert isinstance(parameter, click.Option)  # noqa: S101 - who calls knows
    names = ", ".join(map(code, parameter.opts + parameter.secondary_opts))
    words = parameter.help or ""
    if isinstance(parameter.type, click.Choice):
        words += f" One of {', '.join(map(code, parameter.type.choices))}."
    if parameter.show_default and parameter.default is not None:
        words += f" By default {code(parameter.default)}."
    return names, prose(words)
