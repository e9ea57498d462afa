"""Whether what the locks name is still fit for use, by pip's index: `python -m deploy.audit`.

Of every release in the locks: is it served with the hashes that are locked, was it withdrawn by its authors
(yanked), and is a vulnerability known? The index tells that by its JSON API, as pip-audit asks it. Some
indexes tell of the newest release only: those of which nothing is told are named, and are not called good.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

# Where pip looks unless it is told otherwise: pip has no public name for it.
from pip._internal.models.index import PyPI

from deploy.images.machine import pip_files, pip_settings
from deploy.locks import LOCKS, Release, releases

_TIMEOUT_SECONDS: Final = 60
_AT_ONCE: Final = 8

Document = Mapping[str, Any]
Ask = Callable[[str], Document | None]
"""Gives the page of a project, or of a release as `project/version`; None where the index has none."""


@dataclass
class Report:
    """What was found; releases of which no vulnerabilities are told are unknown."""

    problems: list[str] = field(default_factory=list)
    unknown: list[Release] = field(default_factory=list)


def problems(release: Release, project: Document) -> list[str]:
    """Return what is wrong with a release, by the page of its project: its files, and who withdrew them."""
    files = project["releases"].get(release.version, [])
    if not files:
        return [f"{release}: is not served any more"]
    missing = release.hashes - {file["digests"]["sha256"] for file in files}
    yanked = {file["yanked_reason"] or "no reason given" for file in files if file["yanked"]}
    return [
        *([f"{release}: {len(missing)} of its locked hashes are not served any more"] if missing else []),
        *(f"{release}: yanked: {reason}" for reason in sorted(yanked)),
    ]


def vulnerabilities(release: Release, page: Document) -> list[str]:
    """Return what is known against a release, by a page about it."""
    told = [item for item in page["vulnerabilities"] if not item.get("withdrawn")]
    return [f"{release}: {item['id']}, mended in {', '.join(item['fixed_in']) or 'none'}" for item in told]


def page_about(release: Release, project: Document, own: Document | None) -> Document | None:
    """Return the page that tells of the release's vulnerabilities: its own, or that of the newest."""
    if own is not None:
        return own
    return project if project["info"]["version"] == release.version else None


def report(asked: Sequence[Release], ask: Ask) -> Report:
    """Ask about all of them. Raises OSError where the index does not answer."""
    found = Report()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        projects = pool.map(ask, [each.name for each in asked])
        own = pool.map(ask, [f"{each.name}/{each.version}" for each in asked])
        for release, project, page in zip(asked, projects, own, strict=True):
            if project is None:
                found.problems.append(f"{release}: the index does not know the project")
                continue
            found.problems += problems(release, project)
            about = page_about(release, project, page)
            if about is None:
                found.unknown.append(release)
            else:
                found.problems += vulnerabilities(release, about)
    return found


def api(settings: Mapping[str, str]) -> str:
    """Return the address of the JSON API that belongs to pip's index."""
    own = settings.get("index-url", "").rstrip("/")
    return f"{own.removesuffix('/simple')}/pypi" if own else PyPI.pypi_url


def _ask(address: str, context: ssl.SSLContext, name: str) -> Document | None:
    try:
        with urlopen(f"{address}/{name}/json", timeout=_TIMEOUT_SECONDS, context=context) as answer:  # noqa: S310 - pip's own index
            page: Document = json.load(answer)
            return page
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise


def main() -> int:
    """Print what is wrong; 1 if anything is, 2 if the index does not tell."""
    settings = pip_settings(pip_files(os.environ), os.environ)
    context = ssl.create_default_context(cafile=settings.get("cert"))
    asked = releases(file.read_text(encoding="utf-8") for file in sorted(LOCKS.glob("*.txt")))
    try:
        found = report(asked, partial(_ask, api(settings), context))
    except OSError as error:
        print(f"pip's index does not answer: {error}", file=sys.stderr)
        return 2
    for line in found.problems:
        print(line, file=sys.stderr)
    for release in found.unknown:
        print(f"{release}: vulnerabilities unknown: the index tells of the newest release only")
    counts = f"{len(found.problems)} problems, {len(found.unknown)} of unknown vulnerabilities"
    print(f"{len(asked)} releases, {counts}")
    if len(found.unknown) == len(asked):
        return 2
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
