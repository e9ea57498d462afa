"""`python -m deploy.images`: build keddah's images, push them, say what is in them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.generate.objects import DEFAULT_REGISTRY, VERSION
from deploy.images.build import Naming, Workshop, build
from deploy.images.engine import PACKAGES, EngineError
from deploy.images.inputs import POSTGRES, TARGETS
from deploy.local.processes import CommandError
from deploy.local.state import cache_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.images.build import Built

_CHECKOUT = Path(__file__).parents[2]


def main(arguments: Sequence[str]) -> int:
    """Run one command, and give the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "packages":
        print(*PACKAGES)
        return 0
    workshop = Workshop(_CHECKOUT, cache_root(os.environ), datetime.now(tz=UTC).strftime("%Y-%m"), os.environ)
    try:
        _run(options, Naming(options.registry, options.tag), workshop)
    except (EngineError, CommandError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, naming: Naming, workshop: Workshop) -> None:
    if options.command == "catalogue":
        print(build(POSTGRES, naming, workshop).catalogue, end="")
        return
    for name in options.targets or TARGETS:
        built = build(TARGETS[name], naming, workshop)
        if options.command == "push":
            workshop.engine().push(built.content_name, built.name)
            print(built.name)
        elif options.command == "names":
            print(built.content_name if options.content else built.name)
        else:
            print(_delivered(built, name, options.output))


def _delivered(built: Built, name: str, output: Path | None) -> Path:
    if output is None:
        return built.archive
    output.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(built.archive, output / f"{TARGETS[name].image}.tar"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build what the cache lacks; print the archives' paths")
    building.add_argument("--output", type=Path, help="copy the archives to this folder")
    naming = commands.add_parser("names", help="build what the cache lacks; print the images' names")
    pushing = commands.add_parser("push", help="build what the cache lacks; send it to its registry")
    for command in (building, naming, pushing):
        command.add_argument("targets", nargs="*", metavar="operator|postgres", choices=[[], *TARGETS])
    listing = commands.add_parser(
        "catalogue", help="print the policy's catalogue of the releases in the image"
    )
    for command in (naming, listing):
        command.add_argument("--content", action="store_true", help="name images by their content")
    for command in (building, naming, pushing, listing):
        command.add_argument("--registry", default=DEFAULT_REGISTRY)
        command.add_argument("--tag", default=VERSION)
    commands.add_parser("packages", help="print the Debian packages that building without Docker needs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
