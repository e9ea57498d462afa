"""`kubectl pgdb install`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import click

from deploy.generate.objects import DEFAULT_REGISTRY
from deploy.manifests import INSTALL, overlay_files, write
from kubectl_pgdb.objects import OPERATOR
from kubectl_pgdb.session import Session, command
from schemas.release import RELEASE


@click.command
@click.option("--registry", help="Where the images are: registry.example.com/keddah.")
@click.option("--tag", help="Of the images; the release's by default.")
@click.option("--pull-secret", help="Secret of keddah-system with which the registry is read.")
@click.option("--wait/--no-wait", default=True, help="Wait until keddah serves (the default).")
@command
def install(
    session: Session, *, registry: str | None, tag: str | None, pull_secret: str | None, wait: bool
) -> None:
    """Install keddah of this release, or update it: what `make deploy` applies."""
    # It is of no namespace, and of more than one: kubectl would refuse objects of others.
    flags = tuple(flag for flag in session.kubectl.flags if not flag.startswith("--namespace"))
    session = replace(session, kubectl=replace(session.kubectl, flags=flags))
    with ExitStack() as ended:
        source = INSTALL
        if registry or tag or pull_secret:
            # The command that is shown reads it later.
            folder = mkdtemp() if session.shows else ended.enter_context(TemporaryDirectory())
            source = Path(folder) / "overlay"
            _overlay(source, registry, tag, pull_secret)
        if not (source / "kustomization.yaml").exists():
            raise click.ClickException(
                f"there is no {source}: install the plugin anew, or run it from a checkout of keddah"
            )
        said = session.kubectl.change("apply", "--server-side", f"--kustomize={source}")
    session.say(said.strip())
    if wait:
        for deployment in ("keddah-controller", "keddah-webhooks"):
            where = (f"deployment/{deployment}", f"--namespace={OPERATOR}", "--timeout=5m")
            session.say(session.kubectl.change("rollout", "status", *where).strip())
    if session.as_json:
        session.answer({"action": "install", "done": wait, "message": said.strip()}, "")


def _overlay(folder: Path, registry: str | None, tag: str | None, pull_secret: str | None) -> None:
    """Write an installation with images of a registry, as `make deploy` does."""
    try:
        files = overlay_files(
            folder,
            registry=registry or DEFAULT_REGISTRY,
            tag=tag or RELEASE,
            pull_secret=pull_secret or "",
        )
    except (OSError, TypeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    write(folder, files)
