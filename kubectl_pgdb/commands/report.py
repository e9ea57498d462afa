"""`kubectl pgdb report`."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import yaml
from rich.console import Group, RenderableType
from rich.text import Text

from kubectl_pgdb import bundle
from kubectl_pgdb.kubectl import KubectlError
from kubectl_pgdb.objects import LABEL, OPERATOR, Database
from kubectl_pgdb.screens.status import status
from kubectl_pgdb.session import NAME, PLURAL, Session, command, screen

_WIDTH: Final = 120
_KINDS: Final = ",".join(
    (
        *("pods", "persistentvolumeclaims", "services", "configmaps", "endpointslices", "networkpolicies"),
        *("statefulsets", "poddisruptionbudgets", "cronjobs", "jobs", "controllerrevisions"),
    )
)
"""No Secrets: none is read, so none can get into the bundle."""


@click.command
@NAME()
@click.option("--file", type=click.Path(path_type=Path), help="Where to; NAME-report-TIME.tar.gz by default.")
@click.option("--tail", type=int, default=2000, show_default=True, help="Lines of each container's log.")
@command
def report(session: Session, name: str, *, file: Path | None, tail: int) -> None:
    """Collect what support needs into a file: manifests, events and logs, and no secrets."""
    path = file or Path(f"{name}-report-{session.now():%Y%m%dT%H%M%SZ}.tar.gz")
    folder = path.name.removesuffix(".tar.gz")
    files = dict(_files(session, name, tail))
    if session.shows:
        return
    stamp = session.now().timestamp()
    with tarfile.open(path, "w:gz") as archive:
        for each, said in files.items():
            content, entry = said.encode(), tarfile.TarInfo(f"{folder}/{each}")
            entry.size, entry.mtime, entry.mode = len(content), stamp, 0o600
            archive.addfile(entry, io.BytesIO(content))
    path.chmod(0o600)
    session.answer({"file": str(path), "holds": sorted(files)}, _told(path, sorted(files)))


def _told(path: Path, files: Sequence[str]) -> RenderableType:
    return Group(
        Text.assemble((str(path), "name"), f" holds {', '.join(files)}."),
        f"No Secret was read, and {bundle.GONE} stands for what looked like one.",
        "Look through it before you give it away: an application may log a secret in words of its own.",
    )


def _files(session: Session, name: str, tail: int) -> Iterator[tuple[str, str]]:
    """Give the files by name; where the user has no right to something, the words that say so."""
    found = session.database(name, controller=True)
    yield "status.txt", bundle.text(_printed(session, found))
    manifests = {
        "database": ("get", PLURAL, name),
        "children": ("get", _KINDS, f"--selector={LABEL}={name}"),
        "events": ("get", "events"),
        "nodes": ("get", "nodes"),
        "storage-classes": ("get", "storageclasses"),
        "policy": ("get", "configmap", "keddah-policy", f"--namespace={OPERATOR}"),
        "operator": ("get", "pods,deployments", f"--namespace={OPERATOR}"),
    }
    for each, answer in zip(manifests, session.kubectl.reads(*manifests.values()), strict=True):
        if isinstance(answer, KubectlError):
            yield f"{each}.yaml", str(answer)
            continue
        kept = bundle.about(answer, name) if each == "events" else answer
        yield f"{each}.yaml", yaml.safe_dump(bundle.manifest(kept))
    of = f"--tail={tail}"
    everywhere = (
        "--all-containers",
        "--prefix",
        "--timestamps",
        "--ignore-errors",
        "--max-log-requests=50",
        of,
    )
    yield "logs.txt", _text(session, ("logs", f"--selector={LABEL}={name}", *everywhere))
    yield (
        "operator.log",
        _text(
            session,
            ("logs", "--selector=app.kubernetes.io/name=keddah", f"--namespace={OPERATOR}", *everywhere),
        ),
    )
    yield "versions.txt", _text(session, ("version",))


def _text(session: Session, arguments: Sequence[str]) -> str:
    try:
        return bundle.text(session.kubectl.text(*arguments))
    except KubectlError as error:
        return str(error)


def _printed(session: Session, found: Database) -> str:
    console = screen(width=_WIDTH, colour=False)
    with console.capture() as captured:
        console.print(status(found, session.now()))
    return captured.get()
