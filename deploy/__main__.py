"""The command line: `python -m deploy manifests [--check] | overlay … | wait | machine`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from yaml import YAMLError

from controller.kube.kinds import CertificateMode
from deploy.documentation.pages import PICTURES, REFERENCE, picture_files, reference_files
from deploy.generate import chart_monitoring
from deploy.generate.objects import DEFAULT_REGISTRY, VERSION
from deploy.generate.variant import VariantError
from deploy.installation import await_serving
from deploy.machine import MachineError, make_room, prepare
from deploy.manifests import (
    CERT_MANAGER,
    CHART,
    CHART_FILES,
    DATA,
    INSTALL,
    MONITORING,
    TEMPLATES,
    cert_manager_files,
    chart_files,
    data_files,
    differences,
    install_files,
    monitoring_files,
    overlay_files,
    template_files,
    write,
)
from deploy.target import Existing, TargetError, of_context


def main(arguments: list[str]) -> int:
    """Run one command; 1 when `--check` finds generated files that are not current."""
    given = _parser().parse_args(arguments)
    commands = {"manifests": _manifests, "overlay": _overlay, "wait": _wait, "machine": _machine}
    return commands[given.command](given)


def _manifests(given: argparse.Namespace) -> int:
    generated = {
        INSTALL: install_files(),
        CERT_MANAGER: cert_manager_files(),
        MONITORING: monitoring_files(),
        CHART: chart_files(),
        CHART_FILES: chart_monitoring.files(),
        TEMPLATES: template_files(),
        DATA: data_files(),
        REFERENCE: reference_files(),
        PICTURES: picture_files(),
    }
    if not given.check:
        for folder, files in generated.items():
            write(folder, files)
        return 0
    found = [
        f"{folder.parent.name}/{folder.name}/{line}"
        for folder, files in generated.items()
        for line in differences(folder, files)
    ]
    for line in found:
        print(f"{line}: run `make manifests`", file=sys.stderr)
    return 1 if found else 0


def _overlay(given: argparse.Namespace) -> int:
    folder = given.folder.resolve()
    try:
        files = overlay_files(
            folder,
            registry=given.registry,
            tag=given.tag,
            catalogue=given.catalogue,
            pull_secret=given.pull_secret,
            changes=given.policy,
            certificates=CertificateMode(given.certificates),
            namespaces=tuple(sorted(set(given.namespaces.replace(",", " ").split()))),
            database_image=f"keddah-{given.postgres}",
            monitored=given.monitoring,
            docs=given.docs,
        )
    except (OSError, TypeError, ValueError, VariantError, YAMLError) as error:
        print(error, file=sys.stderr)
        return 1
    write(folder, files)
    return 0


def _wait(given: argparse.Namespace) -> int:
    with TemporaryDirectory() as folder:
        try:
            target = (
                of_context(given.context, Path(folder), print)
                if given.context
                else Existing(dict(os.environ), print)
            )
            await_serving(target, print)
        except TargetError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _machine(_given: argparse.Namespace) -> int:
    try:
        prepare(print)
        make_room(print)
    except MachineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    manifests = commands.add_parser(
        "manifests", help="write deploy/install, deploy/cert-manager, deploy/chart, and the linter's policy"
    )
    manifests.add_argument("--check", action="store_true", help="only say whether it is current")
    overlay = commands.add_parser("overlay", help="write an installation with images of a registry")
    overlay.add_argument("folder", type=Path, help="where to write it")
    overlay.add_argument("--registry", default=DEFAULT_REGISTRY, help="default: %(default)s")
    overlay.add_argument("--tag", default=VERSION, help="default: %(default)s")
    overlay.add_argument(
        "--catalogue", type=Path, help="the releases in the database image, if not the usual"
    )
    overlay.add_argument(
        "--postgres",
        choices=["postgres", "postgres-extensions"],
        default="postgres",
        help="the target that made the databases' image; default: %(default)s",
    )
    overlay.add_argument("--pull-secret", default="", help="the Secret with which the registry is read")
    overlay.add_argument("--policy", type=Path, help="a file with entries in place of the usual policy's")
    overlay.add_argument(
        "--certificates",
        choices=[*CertificateMode],
        default=CertificateMode.KEDDAH,
        help="who makes the webhooks' certificates; default: %(default)s",
    )
    overlay.add_argument(
        "--namespaces",
        default="",
        help="look after databases in these alone, with rights in no other (with cert-manager only)",
    )
    overlay.add_argument(
        "--monitoring",
        action="store_true",
        help="add PodMonitors, alerts and the board, for a cluster with the Prometheus operator",
    )
    overlay.add_argument("--docs", default="", help="where build/site is served: alerts lead to its runbooks")
    wait = commands.add_parser("wait", help="wait until an installation serves")
    wait.add_argument("--context", help="of which cluster; default: the one that kubectl reaches")
    commands.add_parser(
        "machine", help="install the Debian packages that local clusters need, and make room for several"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
