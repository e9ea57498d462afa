"""The policy that keddah is installed with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from controller.kube.objects import Manifest
from deploy.generate.objects import (
    DATABASE_IMAGE,
    DEFAULT_REGISTRY,
    POLICY,
    POLICY_KEY,
    VERSION,
    image,
    manifest,
)
from schemas.policy.policy import parse

CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"
"""The releases that the database image of this version holds, as its build wrote them down."""

# https://www.postgresql.org/support/versioning/
_END_OF_LIFE = {"17": "2029-11-08", "18": "2030-11-14"}

_HEADER = """\
# What this cluster allows, and the defaults that it chooses. It is read again when it changes; a broken
# policy leaves the old one in force, and both processes log why.
#
# catalogue        each allowed release of PostgreSQL and the image that runs it; "17" in a database means
#                  the newest 17.x listed here; with deprecated: true admission warns
# defaultVersion   of a database that names no version
# replicas         bounds and default of spec.replicas
# scheduleWindow   default backup schedules are daily, spread over so many hours from startHour
# storage          of a database that names no size
# minorUpgrades    when running databases follow the catalogue to a newer minor of their major, or to another
#                  image of the same release: standbys first, the primary last by switchover. With
#                  `when: immediately` as soon as the catalogue says so, with `when: window` only while it is
#                  open; every day and UTC unless days and timeZone say otherwise:
#                    window: {days: [Sat, Sun], start: "02:00", duration: 4h, timeZone: Europe/Berlin}
#                  `atOnce` of them, one if it is not said, may be on their way to an image at the same time;
#                  while it does not come up in one of them, no other gets it. What was begun is finished. A
#                  database that waits says why in its condition UpToDate; one whose user changes
#                  spec.version does not wait. None goes to an older minor
# imagePullSecrets of a new database that names none, such as [{name: registry}]: Secrets with which its image
#                  is pulled. Each namespace that has databases must have them
"""


def policy(
    catalogue: list[dict[str, Any]] | None = None,
    registry: str = DEFAULT_REGISTRY,
    tag: str = VERSION,
    pull_secret: str = "",
) -> Manifest:
    """Return the ConfigMap; raises schemas.policy.PolicyError when the catalogue makes no right policy."""
    releases = read_catalogue(CATALOGUE) if catalogue is None else catalogue
    text = policy_text(releases, registry, tag, pull_secret)
    return manifest("v1", "ConfigMap", POLICY, {"data": {POLICY_KEY: text}})


def policy_text(catalogue: list[dict[str, Any]], registry: str, tag: str, pull_secret: str = "") -> str:
    """Return the policy for the releases in an image; the newest major is the default."""
    releases = sorted(catalogue, key=lambda release: [int(part) for part in release["version"].split(".")])
    reference = image(DATABASE_IMAGE, registry, tag)
    document = {
        "catalogue": [_release(release["version"], reference) for release in releases],
        "defaultVersion": _major(releases[-1]["version"]),
        "replicas": {"minimum": 1, "maximum": 9, "default": 1},
        "scheduleWindow": {"startHour": 0, "hours": 6},
        "storage": {"size": "10Gi"},
        "minorUpgrades": {"when": "immediately", "atOnce": 1},
        "imagePullSecrets": [{"name": pull_secret}] if pull_secret else [],
    }
    text = _HEADER + yaml.safe_dump(document, sort_keys=False)
    parse(text)
    return text


def read_catalogue(path: Path) -> list[dict[str, Any]]:
    """Return the releases in a catalogue file: a list with a `version` each."""
    releases: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return releases


def _release(version: str, reference: str) -> Manifest:
    release = {"version": version, "image": reference}
    end_of_life = _END_OF_LIFE.get(_major(version))
    return release | ({"endOfLife": end_of_life} if end_of_life else {})


def _major(version: str) -> str:
    return version.partition(".")[0]
