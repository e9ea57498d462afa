"""`python -m deploy.images`: build keddah's images, push them, say what is in them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from deploy.generate.objects import DEFAULT_REGISTRY, VERSION
from deploy.images.build import Naming, Workshop, build
from deploy.images.engine import PACKAGES, EngineError
from deploy.images.inputs import DATABASES, POSTGRES, TARGETS, USUAL
from deploy.images.origin import PLATFORMS
from deploy.images.reproducible import compare
from deploy.images.sbom import versions
from deploy.local.processes import CommandError
from deploy.local.state import cache_root

if TYPE_CHECKING:
    from collections.abc import Sequence


_CHECKOUT = Path(__file__).parents[2]


def main(arguments: Sequence[str]) -> int:
    """Run one command, and give the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "packages":
        print(*PACKAGES)
        return 0
    month = datetime.now(tz=UTC).strftime("%Y-%m")
    workshop = Workshop(_CHECKOUT, cache_root(os.environ), month, os.environ, options.platform)
    try:
        return _run(options, Naming(options.registry, options.tag), workshop)
    except (EngineError, CommandError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, naming: Naming, workshop: Workshop) -> int:
    if options.command == "reproducible":
        return compare(naming, workshop)
    if options.command == "catalogue":
        print(build(DATABASES[options.target], naming, workshop).catalogue, end="")
        return 0
    if options.command == "versions":
        texts = {name: build(target, naming, workshop).sbom.read_text() for name, target in TARGETS.items()}
        print(yaml.safe_dump({name: versions(text) for name, text in texts.items()}), end="")
        return 0
    for name in options.targets or USUAL:
        built = build(TARGETS[name], naming, workshop)
        if options.command == "push":
            workshop.engine().push(built.content_name, built.name)
            print(built.name)
        elif options.command == "names":
            print(built.content_name if options.content else built.name)
        elif options.command == "sbom":
            print(_copied(built.sbom, options.output, f"{TARGETS[name].image}.cdx.json"))
        else:
            print(_copied(built.archive, options.output, f"{TARGETS[name].image}.tar"))
    return 0


def _copied(file: Path, folder: Path | None, name: str) -> Path:
    if folder is None:
        return file
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(file, folder / name))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build what the cache lacks; print the archives' paths")
    naming = commands.add_parser("names", help="build what the cache lacks; print the images' names")
    pushing = commands.add_parser("push", help="build what the cache lacks; send it to its registry")
    listing_parts = commands.add_parser("sbom", help="print where the lists of what is in the images are")
    for command in (building, listing_parts):
        command.add_argument("--output", type=Path, help="copy them to this folder")
    for command in (building, naming, pushing, listing_parts):
        command.add_argument("targets", nargs="*", metavar="|".join(TARGETS), choices=[[], *TARGETS])
    listing = commands.add_parser(
        "catalogue", help="print the policy's catalogue of the releases in the image, and their extensions"
    )
    listing.add_argument("target", nargs="?", default=POSTGRES.name, choices=[*DATABASES])
    table = commands.add_parser(
        "versions", help="print Debian's packages in the images that people ask about"
    )
    twice = commands.add_parser("reproducible", help="build all images twice from nothing; 1 if they differ")
    for command in (naming, listing):
        command.add_argument("--content", action="store_true", help="name images by their content")
    for command in (building, naming, pushing, listing, listing_parts, table, twice):
        command.add_argument("--registry", default=DEFAULT_REGISTRY)
        command.add_argument("--tag", default=VERSION)
        command.add_argument("--platform", default="", choices=["", *PLATFORMS], help="the machine's own")
    commands.add_parser("packages", help="print the Debian packages that building without Docker needs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
