"""What a member says of the configuration that it has applied."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from controller.desired.instances.patroni import configuration as desired
from controller.observe.instances.manifests import configuration as wanted
from controller.protocol.member import Report
from deploy.images.patroni.configuration import Configuration
from tests.factory import typed_database

OLD, NEW = {"ttl": 20}, {"ttl": 30}


def written(*, paused: bool = False, **spec: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401
    """Give the dynamic configuration as Patroni reads it, and the version that the controller expects."""
    manifest = desired(typed_database(**spec), paused=paused)
    version = wanted({manifest["metadata"]["name"]: manifest}, "orders")
    settings: dict[str, Any] = json.loads(manifest["metadata"]["annotations"]["config"])
    return settings, version


def test_the_controller_recognizes_the_version_that_it_wrote() -> None:
    settings, version = written()
    member = Configuration()
    assert member.version == ""
    assert member.changed(settings)
    assert version
    assert member.version == version
    assert not member.changed(settings)


def test_every_change_of_the_spec_that_patroni_applies_has_a_version_of_its_own() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"parameters": {"work_mem": "8MB"}},
        {"hba": ["hostssl all all 10.0.0.0/8 scram-sha-256"]},
        {"synchronous": "Strict"},
    ]
    assert len({written(**change)[1] for change in changes}) == len(changes)
    assert written(paused=True)[1] == written()[1]


def test_what_somebody_else_wrote_is_told_from_what_the_controller_writes_again() -> None:
    # `patronictl edit-config` keeps our entry, and wakes all members: some apply it before it is corrected.
    settings, version = written()
    parameters = {**settings["postgresql"]["parameters"], "max_connections": "200"}
    edited = {**settings, "postgresql": {**settings["postgresql"], "parameters": parameters}}
    member = Configuration()
    member.changed(settings)
    assert member.changed(edited)
    assert member.version not in ("", version)
    assert member.changed(settings)
    assert member.version == version


def test_what_patroni_regards_as_equal_is_no_other_version() -> None:
    settings, version = written(paused=True)
    member = Configuration()
    member.changed({**dict(reversed(settings.items())), "ttl": "20"})
    assert member.version == version


def test_where_nothing_is_written_there_is_no_version() -> None:
    member = Configuration()
    assert not member.changed({})
    assert member.version == Report.read("damaged").configuration == ""
    assert wanted({}, "orders") == ""
    assert wanted({"orders-config": {"metadata": {"annotations": {"config": "{"}}}}, "orders") == ""


class Server:
    """A server whose states, one after the other, are given; it applies what it is told to."""

    def __init__(self, *states: str) -> None:
        self._states = list(states)

    def state(self) -> str:
        """Give the next state; the last one stays."""
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


@pytest.mark.parametrize("states", [("running",), ("stopped",), ("start failed",), ("running", "restarting")])
def test_what_was_applied_is_reported(states: tuple[str, ...]) -> None:
    member, server = Configuration(), Server(*states)
    member.apply(lambda: None, server.state)
    assert not member.doubtful(server.state())
    assert member.changed(NEW)


def refused() -> None:
    raise OSError("no space left on device")


@pytest.mark.parametrize(
    ("states", "change"),
    [
        # Its files were written already, and Patroni compares nothing with it yet.
        (("starting",), lambda: None),
        (("starting", "running"), lambda: None),
        (("stopped", "starting"), lambda: None),
        (("running",), refused),
    ],
)
def test_what_may_not_be_in_force_is_applied_again_and_not_reported_before(
    states: tuple[str, ...], change: Callable[[], None]
) -> None:
    member, server = Configuration(), Server(*states)
    assert member.changed(OLD)
    before = member.version
    with suppress(OSError):
        member.apply(change, server.state)
    assert not member.changed(NEW)
    assert member.version == before
    assert not member.doubtful("starting")
    assert member.doubtful("running")
    assert member.doubtful("start failed")
    member.apply(lambda: None, lambda: "running")
    assert not member.doubtful("running")
    assert member.changed(NEW)
