"""The policy that keddah is installed with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from controller.kube.objects import Manifest
from deploy.generate.objects import (
    DATABASE_IMAGE,
    DEFAULT_REGISTRY,
    LARGER_DATABASE_IMAGE,
    POLICY,
    POLICY_KEY,
    VERSION,
    image,
    manifest,
)
from schemas.policy.policy import parse

_DEPLOY = Path(__file__).parents[1]
CATALOGUES = {
    DATABASE_IMAGE: _DEPLOY / "catalogue.yaml",
    LARGER_DATABASE_IMAGE: _DEPLOY / "catalogue-extensions.yaml",
}
"""The releases and extensions that each database image of this version holds, as its build wrote them."""

# https://www.postgresql.org/support/versioning/
_END_OF_LIFE = {"17": "2029-11-08", "18": "2030-11-14"}

_HEADER = """\
# What this cluster allows, and the defaults that it chooses. It is read again when it changes; a broken
# policy leaves the old one in force, and both processes log why.
#
# catalogue        each allowed release of PostgreSQL and the image that runs it; "17" in a database means
#                  the newest 17.x listed here; with deprecated: true admission warns; without extensions,
#                  all are accepted
# defaultVersion   of a database that names no version
# replicas         bounds and default of spec.replicas
# scheduleWindow   default backup schedules are daily, spread over so many hours from startHour
# storage          of a database that names no size
# minorUpgrades    when running databases follow the catalogue to a newer minor of their major, or to another
#                  image of the same release: standbys first, the primary last by switchover. With
#                  `when: immediately` as soon as the catalogue says so, with `when: window` only while it is
#                  open; every day and UTC unless days and timeZone say otherwise:
#                    window: {days: [Sat, Sun], start: "02:00", duration: 4h, timeZone: Europe/Berlin}
#                  A release of keddah whose pods are different goes the same way. One database goes first;
#                  once it has served for a minute `atOnce` of them, one if it is not said, may be on their
#                  way at the same time; while one does not come up, no other goes. What was begun is
#                  finished. A database that waits says why in its condition UpToDate; one whose user changes
#                  spec.version does not wait. None goes to an older minor
# imagePullSecrets of a new database that names none, such as [{name: registry}]: Secrets with which its image
#                  is pulled. Each namespace that has databases must have them
"""


def policy(
    catalogue: list[dict[str, Any]] | None = None,
    registry: str = DEFAULT_REGISTRY,
    tag: str = VERSION,
    pull_secret: str = "",
    changes: Mapping[str, Any] = MappingProxyType({}),
    database_image: str = DATABASE_IMAGE,
) -> Manifest:
    """Return the ConfigMap; `changes` are entries of the policy in place of the usual ones.

    Raises schemas.policy.PolicyError when they, or the catalogue, make no right policy.
    """
    releases = read_catalogue(CATALOGUES[database_image]) if catalogue is None else catalogue
    text = policy_text(releases, registry, tag, pull_secret, changes, database_image)
    return manifest("v1", "ConfigMap", POLICY, {"data": {POLICY_KEY: text}})


def policy_text(
    catalogue: list[dict[str, Any]],
    registry: str,
    tag: str,
    pull_secret: str = "",
    changes: Mapping[str, Any] = MappingProxyType({}),
    database_image: str = DATABASE_IMAGE,
) -> str:
    """Return the policy for the releases in an image; the newest major is the default."""
    releases = sorted(catalogue, key=lambda release: [int(part) for part in release["version"].split(".")])
    reference = image(database_image, registry, tag)
    document = {
        "catalogue": [_release(release, reference) for release in releases],
        "defaultVersion": _major(releases[-1]["version"]),
        "replicas": {"minimum": 1, "maximum": 9, "default": 1},
        "scheduleWindow": {"startHour": 0, "hours": 6},
        "storage": {"size": "10Gi"},
        "minorUpgrades": {"when": "immediately", "atOnce": 1},
        "imagePullSecrets": [{"name": pull_secret}] if pull_secret else [],
    }
    text = _HEADER + yaml.dump({**document, **changes}, Dumper=_Dumper, sort_keys=False, width=160)
    parse(text)
    return text


def read_catalogue(path: Path) -> list[dict[str, Any]]:
    """Return the releases in a catalogue file: a list with a `version` each."""
    releases: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return releases


def read_changes(path: Path) -> dict[str, Any]:
    """Return the entries in a file that somebody has of a policy; raises TypeError if it has none."""
    changes = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(changes, dict):
        raise TypeError(f"{path}: got {type(changes).__name__}; must be entries of the policy")
    return changes


def _release(found: Mapping[str, Any], reference: str) -> Manifest:
    release = {"version": found["version"], "image": reference}
    end_of_life = _END_OF_LIFE.get(_major(found["version"]))
    extensions = {name: _Line(each) for name, each in found.get("extensions", {}).items()}
    return (
        release
        | ({"endOfLife": end_of_life} if end_of_life else {})
        | ({"extensions": extensions} if "extensions" in found else {})
    )


class _Line(dict[str, Any]):
    """A mapping that is written in one line: a policy has a hundred of them."""


class _Dumper(yaml.SafeDumper):
    """Safe YAML with such lines."""


_Dumper.add_representer(
    _Line, lambda dumper, line: dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True)
)


def _major(version: str) -> str:
    return version.partition(".")[0]
