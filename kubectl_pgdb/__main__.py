"""The command line. A command's module is imported when it is called: each start counts."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Final

import click

from schemas.release import RELEASE

COMMANDS: Final = {
    "status": "One screen: how it is, and what to do about it.",
    "top": "Live: who is connected, what runs, who waits for whom.",
    "logs": "The logs of all instances, in order.",
    "psql": "A session of psql in the primary.",
    "switchover": "Make a standby the primary.",
    "restart": "Restart instances, standbys first.",
    "reload": "Have instances read their configuration again.",
    "rotate": "Give roles new passwords.",
    "pause": "Pause Patroni, to work by hand.",
    "resume": "End a pause.",
    "backups": "What can be restored, and how backups went.",
    "backup": "Make a backup now.",
    "verify-backup": "Prove that the newest backup restores.",
    "restore": "Restore: into a new database, or in place.",
    "hibernate": "Stop all pods, keep the data.",
    "wake": "Start them again.",
    "discard": "Give up the volume of a lost standby.",
    "report": "Collect what support needs, without secrets.",
    "lint": "Say what a cluster would refuse in YAML files.",
    "install": "Install keddah, or update it.",
    "conditions": "What conditions and reasons mean, and what to do.",
}
"""In the order of the help. The module of each has a function of its name."""


class _Group(click.Group):
    """Commands by name, imported late."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        found = getattr(import_module(f"kubectl_pgdb.commands.{name}"), name)
        assert isinstance(found, click.Command)  # noqa: S101 - each module has one
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of one that there is not, say which may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list for the help, without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(RELEASE, prog_name="kubectl-pgdb")
def main() -> None:
    """See and operate PostgreSQL databases of keddah, with the rights of your own kubectl.

    Every command prints the plain kubectl that it stands for with --show, and JSON with -o json.
    """


def run() -> None:
    """Run it under the name by which people call it."""
    main(prog_name="kubectl pgdb")


if __name__ == "__main__":
    run()
