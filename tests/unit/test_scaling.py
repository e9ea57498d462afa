from __future__ import annotations

from dataclasses import replace

import pytest

from controller.observe.state import Leadership, ObservedState
from controller.plan.instances.scaling import scale
from tests.factory import typed_database
from tests.states import claim, intent, members, observed, settled


def with_statefulset(replicas: int, around: ObservedState, remembered: int | None = None) -> ObservedState:
    annotations = {"keddah.dev/instances": str(replicas if remembered is None else remembered)}
    statefulset = {"metadata": {"annotations": annotations}, "spec": {"replicas": replicas}}
    return replace(around, children={"StatefulSet": {"orders": statefulset}})


def test_growing_is_free() -> None:
    assert scale(typed_database(replicas=3), 3, with_statefulset(1, observed(members(1)))).instances == 3


def test_shrinking_past_the_primary_needs_no_switchover() -> None:
    chosen = scale(typed_database(replicas=2), 2, with_statefulset(3, observed(members(3))))
    assert (chosen.instances, chosen.switchover, chosen.waiting) == (2, None, None)


def test_shrinking_away_the_primary_switches_over_to_one_that_stays() -> None:
    chosen = scale(typed_database(replicas=2), 2, with_statefulset(3, observed(members(3, 2))))
    assert chosen.instances == 3
    assert chosen.switchover is not None
    assert chosen.switchover.candidate is None, "both others stay, so Patroni may choose"


def test_shrinking_by_more_names_one_that_stays() -> None:
    chosen = scale(typed_database(replicas=1), 1, with_statefulset(3, observed(members(3, 2))))
    assert chosen.switchover is not None
    assert chosen.switchover.candidate == "orders-0"


def test_shrinking_with_no_fit_instance_that_stays_waits_and_says_so() -> None:
    instances = tuple(replace(i, ready=False) if i.ordinal < 2 else i for i in members(3, 2))
    chosen = scale(typed_database(replicas=2), 2, with_statefulset(3, observed(instances)))
    assert chosen.instances == 3
    assert chosen.waiting is not None
    assert "orders-2 is the primary" in chosen.waiting.message


def test_shrinking_without_a_known_primary_waits() -> None:
    instances = tuple(replace(i, role="standby", streaming=True) for i in members(3))
    around = with_statefulset(3, observed(instances, leadership=Leadership(None, initialized=True)))
    chosen = scale(typed_database(replicas=1), 1, around)
    assert (chosen.instances, chosen.waiting is not None) == (3, True)


@pytest.mark.parametrize(
    ("initialized", "ready"), [(True, False), (False, True)], ids=["nobody serves", "its state was lost"]
)
def test_a_database_that_was_ever_made_is_not_shrunk_without_a_primary(
    initialized: object, ready: object
) -> None:
    instances = tuple(replace(i, role="standby", ready=ready is True) for i in members(3))
    lead = Leadership(None, initialized=initialized is True)
    chosen = scale(typed_database(replicas=1), 1, with_statefulset(3, observed(instances, leadership=lead)))
    assert (chosen.instances, chosen.waiting is not None) == (3, True)


def paused(replicas: int) -> ObservedState:
    around = with_statefulset(replicas, observed(members(replicas)))
    return replace(around, leadership=replace(around.leadership, paused=True))


def test_in_a_pause_instances_are_added_and_none_is_taken() -> None:
    assert scale(typed_database(replicas=5), 5, paused(3)).instances == 5
    assert scale(typed_database(replicas=1), 1, paused(3)).instances == 3
    assert scale(typed_database(replicas=3, hibernated=True), 3, paused(3)).instances == 3


def test_a_database_that_never_started_shrinks_at_once() -> None:
    assert scale(typed_database(replicas=1), 1, with_statefulset(3, ObservedState())).instances == 1


def test_retained_claims_bring_back_every_instance_before_shrinking() -> None:
    around = ObservedState(
        claims=tuple(claim(n) for n in range(3)), leadership=Leadership(None, initialized=True)
    )
    assert scale(typed_database(replicas=1), 1, around).instances == 3


def test_claims_without_a_database_in_them_are_not_waited_for() -> None:
    around = ObservedState(claims=tuple(claim(n) for n in range(3)))
    assert scale(typed_database(replicas=1), 1, around).instances == 1


def test_hibernation_remembers_across_a_change_of_replicas() -> None:
    around = with_statefulset(0, ObservedState(leadership=Leadership(None, initialized=True)), remembered=3)
    asleep = scale(typed_database(replicas=1, hibernated=True), 1, around)
    assert (asleep.instances, asleep.remembered) == (0, 3)
    assert scale(typed_database(replicas=1), 1, around).instances == 3


def test_after_a_finished_shrink_the_smaller_number_is_remembered() -> None:
    around = settled(intent(replicas=2), settled(intent(replicas=3), observed(members(3))))
    assert scale(typed_database(replicas=2, hibernated=True), 2, around).remembered == 2


def test_a_dead_primary_that_still_holds_the_lock_lets_nobody_be_removed() -> None:
    instances = tuple(replace(i, ready=i.ordinal != 0) for i in members(3))
    chosen = scale(typed_database(replicas=1), 1, with_statefulset(3, observed(instances)))
    assert (chosen.instances, chosen.waiting is not None) == (3, True)


def test_the_only_fit_standby_is_not_removed_while_another_shall_stay() -> None:
    instances = tuple(replace(i, ready=i.ordinal != 1) for i in members(3))
    chosen = scale(typed_database(replicas=2), 2, with_statefulset(3, observed(instances)))
    assert (chosen.instances, chosen.waiting is not None) == (3, True)
    assert scale(typed_database(replicas=1), 1, with_statefulset(3, observed(instances))).instances == 1


def test_an_instance_that_was_removed_as_it_became_primary_comes_back() -> None:
    claims = tuple(claim(n) for n in range(3))
    lead = Leadership(None, frozenset({"orders-1"}), last_primary="orders-2", initialized=True)
    alone = (replace(members(1)[0], role="standby"),)
    around = with_statefulset(1, observed(alone, claims=claims, leadership=lead))
    chosen = scale(typed_database(replicas=1), 1, around)
    assert (chosen.instances, chosen.waiting is not None) == (3, True)
    lost = replace(around, claims=claims[:2])
    assert scale(typed_database(replicas=1), 1, lost).instances == 1
    served = replace(around, instances=members(1), leadership=replace(lead, holder="orders-0"))
    assert scale(typed_database(replicas=1), 1, served).instances == 1


def test_nobody_is_hibernated_on_a_claim_that_was_deleted() -> None:
    around = with_statefulset(1, observed(members(1), claims=(claim(0, deleting=True),)))
    chosen = scale(typed_database(hibernated=True), 1, around)
    assert (chosen.instances, chosen.waiting is not None) == (1, True)
    asleep = with_statefulset(0, observed(claims=(claim(0, deleting=True),)), remembered=1)
    assert scale(typed_database(hibernated=True), 1, asleep).waiting is None
