"""What a member says of the configuration that it has applied."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from controller.desired.patroni import configuration as desired
from controller.observe.pods import configuration as read
from controller.observe.world import configuration as wanted
from deploy.images.patroni.configuration import Configuration
from tests.factory import typed_database


def written(*, paused: bool = False, **spec: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401
    """Give the dynamic configuration as Patroni reads it, and the version that the controller expects."""
    manifest = desired(typed_database(**spec), paused=paused)
    version = wanted({manifest["metadata"]["name"]: manifest}, "orders")
    settings: dict[str, Any] = json.loads(manifest["metadata"]["annotations"]["config"])
    return settings, version


def test_the_controller_recognizes_the_version_that_it_wrote() -> None:
    settings, version = written()
    member = Configuration()
    assert member.tags == {}
    assert member.changed(settings)
    assert version
    assert read(json.loads(json.dumps({"tags": member.tags}))) == version
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


def test_a_configuration_of_somebody_else_has_no_version() -> None:
    member = Configuration()
    member.changed(written()[0])
    assert member.changed({"ttl": 30})
    assert member.tags == {}
    assert read({"tags": "damaged"}) == ""
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
    assert member.changed({"keddah_configuration": "new"})


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
    assert member.changed({"keddah_configuration": "old"})
    with suppress(OSError):
        member.apply(change, server.state)
    assert not member.changed({"keddah_configuration": "new"})
    assert member.tags == {"configuration": "old"}
    assert not member.doubtful("starting")
    assert member.doubtful("running")
    assert member.doubtful("start failed")
    member.apply(lambda: None, lambda: "running")
    assert not member.doubtful("running")
    assert member.changed({"keddah_configuration": "new"})
