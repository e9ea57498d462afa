"""Members have to show a certificate as soon as all of them can, and from then on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from controller.desired.instances.patroni import configuration, digest, static
from controller.kube.objects import Manifest
from controller.observe.state import ObservedState
from controller.plan.instances.templates import certified
from tests.factory import typed_database
from tests.states import members, observed

DATABASE = typed_database()
FILE_NOW = static(DATABASE)
FILE_BEFORE = FILE_NOW.replace("sslcert", "sslbefore")


def around(file: str, *pods: str, demanded: bool = False) -> ObservedState:
    """Give a database whose NAME-config has this file, and pods that were made for these."""
    config = configuration(DATABASE, file=file, certified=demanded)
    instances = zip(members(len(pods)), pods, strict=True)
    made = tuple(replace(instance, file=digest(pod)) for instance, pod in instances)
    return observed(made, children={"ConfigMap": {"orders-config": config}})


def rules(config: Manifest) -> list[str]:
    """Return the lines about members."""
    lines = json.loads(config["metadata"]["annotations"]["config"])["postgresql"]["pg_hba"]
    return [line for line in lines if line.startswith("hostssl") and " replicator " in line]


@pytest.mark.parametrize(
    ("state", "demanded"),
    [
        (observed(), True),
        (around(FILE_NOW, FILE_NOW, FILE_NOW), True),
        (around(FILE_NOW, FILE_NOW, FILE_BEFORE), False),
        (around(FILE_BEFORE, FILE_BEFORE, FILE_BEFORE), False),
        # A later release has another file, and pods that are not all of it.
        (around(f"{FILE_NOW}#", FILE_NOW, f"{FILE_NOW}#", demanded=True), True),
    ],
    ids=["new", "rolled out", "being rolled out", "of the release before", "of the release after"],
)
def test_a_certificate_is_demanded_once_every_pod_can_show_one(
    state: ObservedState,
    demanded: bool,  # noqa: FBT001
) -> None:
    assert certified("orders", state) is demanded


@pytest.mark.parametrize(
    ("file", "can", "demanded"),
    [(None, True, True), (None, False, False), (FILE_NOW, True, True), (FILE_BEFORE, True, False)],
)
def test_pods_that_start_with_the_file_of_a_release_before_need_none(
    file: str | None,
    can: bool,  # noqa: FBT001
    demanded: bool,  # noqa: FBT001
) -> None:
    found = rules(configuration(DATABASE, file=file, certified=can))
    assert len(found) == 2
    assert all(line.endswith("cert map=members") is demanded for line in found)
    assert all(("scram-sha-256" in line) is not demanded for line in found)
