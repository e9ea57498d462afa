"""`kubectl pgdb lint`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from kubectl_pgdb.objects import OPERATOR
from kubectl_pgdb.screens.tables import table
from kubectl_pgdb.session import Session, command
from schemas.lint.files import UNREADABLE, Finding, default_policy
from schemas.lint.files import lint as found
from schemas.policy.policy import Policy, PolicyError, parse

_KEY = "policy.yaml"


@click.command
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "--policy", type=click.Path(path_type=Path), help="policy.yaml; by default as keddah is installed."
)
@click.option("--cluster", is_flag=True, help="By the policy of the cluster (the ConfigMap keddah-policy).")
@command
def lint(session: Session, files: tuple[str, ...], policy: Path | None, *, cluster: bool) -> None:
    """Say what a cluster would refuse in YAML files, and warn of. It needs no cluster."""
    if session.shows:
        session.kubectl.change("apply", "--dry-run=server", *(f"--filename={file}" for file in files))
        return
    try:
        rules = _policy(session, policy, cluster=cluster)
        told = [
            (file, each) for file in files for each in found(_read(file), policy=rules, now=datetime.now(UTC))
        ]
    except (PolicyError, OSError, UnicodeDecodeError) as error:
        words = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        click.echo(f"Error: {words}", err=True)
        sys.exit(UNREADABLE)
    content = [_content(file, each) for file, each in told]
    rows = [
        (f"{file}:{each.line}", Text(each.text, style="bad" if each.exit_code else "odd"))
        for file, each in told
    ]
    session.answer(content, table("WHERE", "WHAT", rows=rows) if rows else Text("fine", style="good"))
    sys.exit(max([each.exit_code for _, each in told], default=0))


def _policy(session: Session, file: Path | None, *, cluster: bool) -> Policy:
    if file is not None:
        return parse(file.read_text(encoding="utf-8"))
    if not cluster:
        return default_policy()
    where = ("configmap", "keddah-policy", f"--namespace={OPERATOR}")
    return parse(session.kubectl.read("get", *where)["data"][_KEY])


def _read(file: str) -> str:
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return raw.decode("utf-8-sig")


def _content(file: str, finding: Finding) -> dict[str, Any]:
    return {"file": file, "line": finding.line, "text": finding.text, "refused": finding.exit_code > 0}
