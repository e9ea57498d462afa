"""Which image runs now: the decision, with every reason to take the policy's or to stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.desired.instances.pod import pod_template
from controller.desired.repository.children import MARK, statefulset
from controller.observe.instances.editions import Edition
from controller.observe.instances.pods import Trouble
from controller.observe.state import ObservedState
from controller.plan.fleet import CANARY_SERVES, Move, Others, Proven
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.upgrade import NEW_TEMPLATE, Choice, awake, choose
from controller.plan.validation import Decision
from schemas.api.backup import VolumeRepository
from schemas.api.types import decode
from schemas.policy.maintenance import MinorUpgrades, Window
from schemas.policy.policy import Release
from tests.factory import complete_database
from tests.states import members, observed, pod

# A Monday; the window opens on Saturdays.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPEN = datetime(2026, 11, 28, 2, tzinfo=UTC)
AT_ONCE = MinorUpgrades()
SATURDAYS = MinorUpgrades(when="window", window=Window(start="02:00", duration="4h", days=("Sat",)))
A, B, C = "registry/a:1", "registry/b:1", "registry/c:1"


def running(image: str, pods: str = "", *, version: str | None = "17.5", **changes: Any) -> ObservedState:  # noqa: ANN401
    """Give three healthy instances; `pods` has the image of each where it is not the template's."""
    images = [{"a": A, "b": B, "c": C}[letter] for letter in pods] or [image] * 3
    db = decode(complete_database(version="17"))
    statefulset = {"spec": {"replicas": 3, "template": pod_template(db, image)}}
    made = {f"orders-{n}": pod_template(db, each) for n, each in enumerate(images)}
    children = {"StatefulSet": {"orders": statefulset}, "Pod": made}
    return replace(observed(members(3), children=children, server_version=version), **changes)


def validated(version: str = "17.6", image: str = B, *, status: str | None = None, **more: Any) -> Decision:  # noqa: ANN401
    manifest = {**complete_database(version="17"), "status": {"currentVersion": status} if status else {}}
    return Decision(decode(manifest), "{}", Release(version=version, image=image), (), **more)


def chosen(
    decision: Decision, around: ObservedState, upgrades: MinorUpgrades = SATURDAYS, now: datetime = NOW
) -> Choice:
    choice = choose(decision, around, upgrades, now)
    assert choice is not None
    return choice


def test_a_new_database_starts_with_the_policys_release_at_any_time() -> None:
    assert chosen(validated(), ObservedState()) == Choice(B, "17.6")


def test_a_newer_minor_is_taken_at_once_where_the_policy_says_so() -> None:
    assert chosen(validated(), running(A), AT_ONCE) == Choice(B, "17.6")


def test_a_newer_minor_waits_for_the_window_and_says_when_it_opens() -> None:
    choice = chosen(validated(), running(A))
    assert (choice.image, choice.version) == (A, None)
    assert choice.held
    assert choice.held.reason == "UpgradePending"
    assert (
        choice.held.message == "17.5 -> 17.6: the policy's maintenance window opens at 2026-11-28T02:00:00Z"
    )


def test_a_rebuilt_image_of_the_same_release_goes_by_the_same_rule() -> None:
    choice = chosen(validated("17.5"), running(A))
    assert choice.image == A
    assert choice.held
    assert choice.held.message.startswith("another image of 17.5: ")
    assert chosen(validated("17.5"), running(A), now=OPEN) == Choice(B, "17.5")


@pytest.mark.parametrize(("minutes", "image"), [(-1, A), (0, B), (239, B), (240, A)])
def test_an_open_window_lets_it_through_until_it_closes(minutes: int, image: str) -> None:
    assert chosen(validated(), running(A), now=OPEN + timedelta(minutes=minutes)).image == image


def test_what_is_pinned_or_unchanged_is_up_to_date() -> None:
    assert chosen(validated("17.5", A), running(A)) == Choice(A, "17.5")


def test_a_version_that_its_user_changed_does_not_wait() -> None:
    assert chosen(validated(version_changed=True), running(A)) == Choice(B, "17.6")


@pytest.mark.parametrize("pods", ["aab", "abb"])
def test_a_change_that_was_begun_is_finished_after_the_window(pods: str) -> None:
    assert chosen(validated(), running(B, pods)) == Choice(B, "17.6")


@pytest.mark.parametrize("image", [A, C])
def test_a_begun_change_to_a_broken_image_goes_back_or_on_outside_of_the_window(image: str) -> None:
    broken = running(B, "aab")
    assert chosen(validated("17.5", image), broken) == Choice(image, "17.5")


def test_a_hibernated_database_takes_the_newest_for_nobody_is_disturbed() -> None:
    assert chosen(validated(), running(A, instances=())).image == B


def test_an_only_instance_whose_image_is_broken_gets_another_at_once() -> None:
    down = pod(0, "primary", ready=False, trouble=Trouble("ImageNotPulled", "no such image"))
    assert chosen(validated(), running(A, instances=(down,))).image == B


def test_a_broken_standby_is_no_reason_to_upgrade_while_others_serve() -> None:
    broken = pod(2, ready=False, trouble=Trouble("InstanceFailing", "back-off"))
    choice = chosen(validated(), running(A, instances=(pod(0, "primary"), pod(1), broken)))
    assert choice.image == A
    assert choice.held
    assert choice.held.reason == "UpgradePending"


def test_a_failover_is_no_reason_to_upgrade() -> None:
    unready = tuple(replace(i, ready=False) for i in members(3))
    assert chosen(validated(), running(A, instances=unready)).image == A


@pytest.mark.parametrize("upgrades", [AT_ONCE, SATURDAYS])
@pytest.mark.parametrize("reported", ["server", "status"])
def test_a_catalogue_that_moves_back_moves_no_database_back(upgrades: MinorUpgrades, reported: str) -> None:
    around = running(B, version="17.6" if reported == "server" else None)
    choice = chosen(validated("17.5", A, status="17.6", version_changed=True), around, upgrades, OPEN)
    assert choice.image == B
    assert choice.held
    assert choice.held.reason == "DowngradeRefused"
    assert choice.held.until is None


def test_minors_are_compared_as_numbers() -> None:
    assert chosen(validated("17.10"), running(A, version="17.9"), AT_ONCE).image == B
    assert chosen(validated("17.9"), running(A, version="17.10"), AT_ONCE).image == A


def test_a_new_release_that_is_taken_back_before_the_primary_has_it_is_left_again() -> None:
    assert chosen(validated("17.5", A), running(B, "aab", version="17.5"), AT_ONCE).image == A


def test_one_that_is_taken_back_after_the_primary_had_it_is_finished() -> None:
    around = running(B, "bab", version="17.6")
    choice = chosen(validated("17.5", A), around, AT_ONCE)
    assert choice.image == B
    assert choice.held
    assert choice.held.reason == "DowngradeRefused"


def test_an_image_that_turned_out_to_be_older_goes_no_further_once_the_catalogue_admits_it() -> None:
    choice = chosen(validated("17.4", B), running(B, "aab", version="17.5"), AT_ONCE)
    assert choice.image == A


def test_a_version_that_left_the_catalogue_runs_on() -> None:
    gone = replace(validated(), release=None)
    choice = chosen(gone, running(A), AT_ONCE)
    assert choice.image == A
    assert choice.held
    assert choice.held.reason == "NotInCatalogue"
    assert choose(gone, ObservedState(), AT_ONCE, NOW) is None


def test_a_prerelease_that_is_no_number_is_left_to_the_policy() -> None:
    assert chosen(validated(), running(A, version="18beta1"), AT_ONCE).image == B


def moving(*names: str, image: str = B, renewed: bool = False, minutes: int = 0) -> dict[str, Move]:
    """Give databases that are on their way, without progress for so long."""
    return dict.fromkeys(names, Move(Edition(image), renewed, ((), 0), NOW - timedelta(minutes=minutes)))


PROVEN = Proven(frozenset({B}))


def turn(
    moves: dict[str, Move],
    at_once: int = 1,
    proven: Proven = PROVEN,
    **changes: Any,  # noqa: ANN401
) -> Choice:
    decision, others = validated(**changes), Others(moves, proven)
    choice = choose(decision, running(A), MinorUpgrades(at_once=at_once), NOW, others)
    assert choice is not None
    return choice


@pytest.mark.parametrize(
    ("others", "at_once", "image"),
    [
        ({}, 1, B),
        (moving("shop/a"), 1, A),
        (moving("shop/a"), 2, B),
        (moving("shop/a", "shop/b"), 2, A),
        (moving("shop/a", image=C), 1, B),
        (moving("shop/a", image=C, minutes=9), 1, B),
    ],
)
def test_so_many_databases_as_the_policy_says_move_to_an_image_at_once(
    others: dict[str, Move], at_once: int, image: str
) -> None:
    choice = turn(others, at_once)
    assert choice.image == image
    assert choice.queued is (image == A)


def test_one_that_waits_for_others_says_so_in_words_that_do_not_change_with_them() -> None:
    one, other = turn(moving("shop/a")), turn(moving("shop/b"))
    assert one == other
    assert one.held
    assert one.held.reason == "UpgradeQueued"
    assert one.held.message == "17.5 -> 17.6: the policy allows 1 at a time; other databases go first"
    assert awake(Done(), one, NOW).after == 60.0


def test_the_first_goes_alone_however_many_may_go_at_once() -> None:
    first = turn(moving("shop/a"), 10, Proven(frozenset({C}), template=True))
    assert (first.image, first.queued) == (A, True)
    assert first.held
    assert first.held.message == (
        "17.5 -> 17.6: one database goes first, and others once it has served for 60 s"
    )
    assert awake(Done(), first, NOW).after == 60.0
    assert turn({}, 10, Proven()).image == B


def test_others_are_woken_when_the_first_has_served_for_a_while() -> None:
    begun = NOW - CANARY_SERVES + timedelta(seconds=7)
    served = {"shop/a": Move(Edition(B), False, ((), 3), begun, complete=True)}
    choice = turn(served, 10, Proven())
    assert choice.queued
    assert awake(Done(), choice, NOW).after == 7.0


def test_nobody_follows_while_the_image_has_not_come_up_somewhere() -> None:
    choice = turn(moving("shop/fine") | moving("shop/z", "shop/y", minutes=3), 10)
    assert choice.image == A
    assert choice.held
    assert choice.held.reason == "UpgradeHalted"
    assert choice.held.message == (
        "17.5 -> 17.6: registry/b:1 has not come up in shop/y for 3 minutes, so no other database gets it"
    )


def test_another_template_of_the_repository_alone_waits_too() -> None:
    decision, around = validated("17.5", A), running(A)
    assert decision.db
    server = statefulset(decision.db, VolumeRepository(), A, running=True)
    server["metadata"]["annotations"][MARK] = "another"
    sets = {**around.children["StatefulSet"], server["metadata"]["name"]: server}
    around = replace(around, children={**around.children, "StatefulSet": sets})
    choice = chosen(decision, around)
    assert choice.held
    assert choice.held.message.startswith(NEW_TEMPLATE)
    assert choice.repository_kept
    assert not chosen(decision, around, now=OPEN).repository_kept


def test_a_user_who_asks_for_a_version_waits_for_nobody() -> None:
    assert turn(moving("shop/a", minutes=9), version_changed=True).image == B


def test_one_that_begun_or_is_broken_or_hibernated_waits_for_nobody() -> None:
    for around in (running(B, "aab"), running(C, "aac"), running(A, instances=())):
        choice = choose(validated(), around, AT_ONCE, NOW, Others(moving("shop/a", minutes=9)))
        assert choice == Choice(B, "17.6")


@pytest.mark.parametrize(
    ("outcome", "after"),
    [
        (Done(), 600.0),
        (Waiting(5, "RollingOut", ""), 5),
        (Waiting(900, "Unschedulable", ""), 600.0),
        (Stalled("VolumeCannotGrow", ""), 600.0),
        (Stalled("ChildOwnedByOther", "", after=60.0), 60.0),
    ],
)
def test_the_opening_wakes_the_database_however_it_stands(outcome: Outcome, after: float) -> None:
    now = OPEN - timedelta(minutes=10)
    pending = chosen(validated(), running(A), now=now)
    assert awake(outcome, pending, now) == replace(outcome, after=after)
    assert awake(outcome, Choice(A, "17.5"), now) == outcome


def test_a_distant_opening_is_looked_at_again_within_the_hour() -> None:
    assert awake(Done(), chosen(validated(), running(A)), NOW).after == 3600.0
