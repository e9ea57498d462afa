"""Pods whose volume claim somebody has deleted: it goes with its pod, and the data with it."""

from __future__ import annotations

from controller.observe.instances.pods import Trouble
from controller.plan.actions import DeletePod
from controller.plan.instances.rollout import rollout
from controller.plan.outcome import Waiting
from tests.states import OLD, claim, pod, rolling


def test_the_last_pod_on_a_claim_that_was_deleted_is_not_restarted() -> None:
    single = rolling(pod(0, "primary", revision=OLD), claims=(claim(0, deleting=True),))
    step = rollout(single, 1)
    assert isinstance(step, Waiting)
    assert step.reason == "ClaimDeleted"


def test_the_deleted_claim_of_another_holds_nobody_back() -> None:
    around = rolling(pod(0, "primary", revision=OLD), claims=(claim(0), claim(1, deleting=True)))
    assert isinstance(rollout(around, 1), DeletePod)


def test_a_standby_on_a_claim_that_was_deleted_stays_while_no_primary_serves() -> None:
    broken = Trouble("ServerNotStarting", "again")
    pair = (pod(0, "primary", ready=False), pod(1, revision=OLD, ready=False, trouble=broken))
    step = rollout(rolling(*pair, claims=(claim(0), claim(1, deleting=True))), 2)
    assert isinstance(step, Waiting)
    assert step.reason == "ClaimDeleted"


def test_a_standby_on_a_claim_that_was_deleted_is_restarted_and_copied_anew() -> None:
    pair = (pod(0, "primary"), pod(1, revision=OLD))
    around = rolling(*pair, claims=(claim(0), claim(1, deleting=True)))
    assert isinstance(rollout(around, 2), DeletePod)
