"""The page of documentation that says which versions are in the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import yaml

from deploy.generate.policy import CATALOGUES, read_catalogue
from deploy.images.origin import BASE
from deploy.locks import LOCKS, releases

VERSIONS: Final = Path(__file__).parents[1] / "versions.yaml"
"""Of Debian's packages, as `python -m deploy.images versions` prints them of the images built here."""

_LOCKS: Final = {
    "operator": "operator.txt",
    "postgres": "patroni.txt",
    "postgres-extensions": "patroni.txt",
}
_HEAD: Final = """\
# What is in the images

<!-- Generated from deploy/versions.yaml and requirements/ by `make manifests`. -->

All are built on `{base}`, for amd64 or arm64. Python packages are locked, by hash. Debian's are those of the
day of the build: the table has those of the newest build that was looked at, and `make docker-build` writes
what yours has, all of it, to `build/keddah-*.cdx.json`.

Databases run on `keddah-postgres`, or in its place on `keddah-postgres-extensions`, which is the same and has
PostGIS too ([how to choose](../how-to/databases.md#use-extensions)).

{table}

## Extensions

What can be created in each release, as its image says of itself (`python -m deploy.images catalogue`). The
policy has the same list, with further versions.

{extensions}
"""


def page() -> str:
    """Return the page of the documentation."""
    debian: dict[str, dict[str, str]] = yaml.safe_load(VERSIONS.read_text(encoding="utf-8"))
    python = {
        image: {each.name: each.version for each in releases([(LOCKS / name).read_text(encoding="utf-8")])}
        for image, name in _LOCKS.items()
    }
    rows = [
        f"| | {' | '.join(f'`keddah-{image}`' for image in _LOCKS)} |",
        f"|---|{'---|' * len(_LOCKS)}",
        *_rows("Debian", debian),
        *_rows("Python", python),
    ]
    return _HEAD.format(base=BASE, table="\n".join(rows), extensions="\n".join(_extensions()))


def _extensions() -> Iterable[str]:
    """Return the table of extensions: a column for each release, those of the larger image marked."""
    usual, larger = (
        {release["version"]: release.get("extensions", {}) for release in read_catalogue(path)}
        for path in CATALOGUES.values()
    )
    yield f"| | {' | '.join(larger)} | |"
    yield f"|---|{'---|' * len(larger)}---|"
    for name in sorted({name for found in larger.values() for name in found}):
        cells = " | ".join(str(found.get(name, {}).get("version", "")) for found in larger.values())
        everywhere = any(name in found for found in usual.values())
        yield f"| {name} | {cells} | {'' if everywhere else '`keddah-postgres-extensions` only'} |"


def _rows(what: str, versions: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    for name in sorted({name for of in versions.values() for name in of}):
        cells = " | ".join(versions[image].get(name, "") for image in _LOCKS)
        yield f"| {what}: {name} | {cells} |"
