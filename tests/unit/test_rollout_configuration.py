"""A roll-out waits until every member has applied the newest configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.plan.actions import DeletePod, RestartPostgres
from controller.plan.instances.rollout import rollout
from controller.plan.outcome import Waiting
from tests.states import OLD, members, pod, rolling

RESTART = {"shared_buffers": ("128MB", "256MB")}
UNREAD = Waiting(2, "RollingOut", "waiting for the newest configuration to be applied: orders-1")


@pytest.mark.parametrize("pending", [RESTART, {"max_connections": ("200", "100")}])
@pytest.mark.parametrize("reported", [(0,), (2,), (0, 2), ()])
def test_nobody_is_restarted_or_moved_before_all_have_applied_the_newest_configuration(
    pending: dict[str, tuple[str, str]], reported: tuple[int, ...]
) -> None:
    instances = [replace(i, configuration="new") for i in members(3)]
    for number in reported:
        instances[number] = replace(instances[number], pending_restart=pending)
    instances[1] = replace(instances[1], configuration="old")
    around = replace(rolling(*instances), configuration="new")
    assert rollout(around, 3) == UNREAD
    instances[1] = replace(instances[1], configuration="new", pending_restart=pending)
    assert isinstance(rollout(replace(around, instances=tuple(instances)), 3), RestartPostgres)


def test_what_waits_for_a_reverted_parameter_is_not_restarted() -> None:
    late = pod(1, pending_restart=RESTART, configuration="old")
    instances = (pod(0, "primary", configuration="new"), late)
    assert rollout(replace(rolling(*instances), configuration="new"), 2) == UNREAD


def test_an_outdated_pod_is_replaced_whatever_it_has_applied() -> None:
    stale = [replace(i, revision=OLD) for i in members(3)]
    around = replace(rolling(*stale), configuration="new")
    assert rollout(around, 3) == DeletePod("orders-2", "uid-2", "the pod template changed")


def test_an_image_that_does_not_report_what_it_has_applied_is_not_waited_for() -> None:
    # The policy may hold its successor back for days, and the database is Ready meanwhile.
    assert rollout(replace(rolling(*members(3)), configuration="new"), 3) is None
    waiting = replace(rolling(pod(0, "primary", pending_restart=RESTART)), configuration="new")
    assert isinstance(rollout(waiting, 1), RestartPostgres)


def test_an_instance_that_does_not_serve_is_reported_as_such() -> None:
    broken = pod(1, configuration="old", ready=False)
    around = replace(rolling(pod(0, "primary", configuration="new"), broken), configuration="new")
    assert rollout(around, 2) is None
