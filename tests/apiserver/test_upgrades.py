"""A catalogue moves on for several databases at once, and one of them does not come up with the image."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from controller.plan.fleet import CANARY_SERVES, STUCK_AFTER
from tests.fleets import OLD, ROUNDS, Fleet
from tests.inprocess import InProcessController

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "upgrades"
FIRST, SECOND, THIRD = NAMES = ("alpha", "beta", "gamma")
NEW, FIXED = (f"{OLD}{suffix}" for suffix in ("-b", "-c"))


@pytest.fixture
async def fleet(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> AsyncIterator[Fleet]:
    """Give the databases at rest."""
    made = Fleet(rest, namespace, tmp_path / "policy.yaml", names=NAMES, storage=CLASS)
    async with made.at_work(controller_kubeconfig):
        yield made


async def stuck(fleet: Fleet) -> None:
    """Have the first try an image that nobody can pull, for too long."""
    fleet.kubelet.missing = {NEW}
    fleet.allow(NEW)
    await fleet.until(lambda: NEW in fleet.images(FIRST))
    await fleet.look()
    assert [fleet.reason(name) for name in NAMES] == ["Upgrading", "UpgradeQueued", "UpgradeQueued"]
    fleet.pass_by(STUCK_AFTER)
    await fleet.look()


async def test_the_rest_halt_while_the_image_does_not_come_up_in_the_first(fleet: Fleet) -> None:
    before = {name: fleet.uids(name) for name in NAMES}
    await stuck(fleet)
    halted = (
        f"another image of 17.6: {NEW} has not come up in {fleet.namespace}/{FIRST} for 3 minutes,"
        " so no other database gets it"
    )
    for _ in range(3):
        await fleet.look()
        assert [fleet.up_to_date(name) for name in (SECOND, THIRD)] == [("UpgradeHalted", halted)] * 2
    assert [fleet.uids(name) == before[name] for name in NAMES] == [False, True, True]
    assert len(fleet.uids(FIRST) & before[FIRST]) == 1
    assert await fleet.told(FIRST) == ["Upgrading"]
    assert await fleet.told(SECOND) == ["UpgradeQueued", "UpgradeHalted"]


async def test_more_at_once_do_not_get_past_one_that_is_stuck(fleet: Fleet) -> None:
    await stuck(fleet)
    fleet.allow(NEW, at_once=3)
    for _ in range(3):
        await fleet.look()
    assert [fleet.reason(name) for name in NAMES] == ["Upgrading", "UpgradeHalted", "UpgradeHalted"]


async def test_another_image_is_not_held_up_by_the_one_that_is_stuck(fleet: Fleet) -> None:
    await stuck(fleet)
    fleet.allow(FIXED)
    await fleet.look(SECOND)
    assert fleet.reason(SECOND) == "Upgrading"


async def test_a_controller_that_is_new_halts_them_too(
    fleet: Fleet, controller_kubeconfig: Path, tmp_path: Path
) -> None:
    await stuck(fleet)
    policy = tmp_path / "policy.yaml"
    fleet.controller = await InProcessController.start(
        controller_kubeconfig, fleet.kubelet, policy, now=fleet.now
    )
    async with fleet.controller:
        # The last is looked at first; how long the first has been stuck is not known yet.
        await fleet.look(THIRD, SECOND, FIRST)
        assert [fleet.reason(name) for name in (SECOND, THIRD)] == ["UpgradeQueued"] * 2
        fleet.pass_by(STUCK_AFTER)
        await fleet.look(THIRD, SECOND, FIRST)
        assert [fleet.reason(name) for name in (SECOND, THIRD)] == ["UpgradeHalted"] * 2


async def test_the_queue_goes_on_by_itself_when_the_first_comes_up_after_all(fleet: Fleet) -> None:
    await stuck(fleet)
    fleet.kubelet.missing = set()
    fleet.controller.woken.clear()
    await goes_on(fleet, NEW)


async def test_the_queue_goes_on_with_an_image_that_comes_up(fleet: Fleet) -> None:
    await stuck(fleet)
    fleet.allow(FIXED)
    fleet.controller.woken.clear()
    await goes_on(fleet, FIXED)


async def goes_on(fleet: Fleet, image: str) -> None:
    """Look at those only that the controller itself would; see one go after the other."""
    looking, begun = [FIRST], list[str]()
    for _ in range(ROUNDS):
        await fleet.look(*looking)
        woken = {key.name for key in fleet.controller.woken}
        fleet.controller.woken.clear()
        looking = sorted({*looking, *woken})
        begun += [name for name in NAMES if image in fleet.images(name) and name not in begun]
        # One that has begun is through before the next begins.
        assert all(fleet.images(name) == [image] * 2 for name in begun[:-1])
        served = begun == [FIRST] and fleet.reason(FIRST) == "AsAllowed" and fleet.ready(FIRST)
        if served and SECOND in looking and fleet.reason(SECOND) == "UpgradeQueued":
            fleet.pass_by(CANARY_SERVES)
        if fleet.at_rest(image):
            break
        await asyncio.sleep(0.05)
    assert fleet.at_rest(image), [fleet.up_to_date(name) for name in NAMES]
    assert begun == [FIRST, SECOND, THIRD]


async def test_a_catalogue_that_goes_back_ends_it_and_disturbs_nobody_who_waited(fleet: Fleet) -> None:
    before = {name: fleet.uids(name) for name in NAMES}
    await stuck(fleet)
    fleet.allow(OLD)
    await fleet.until(lambda: fleet.at_rest(OLD))
    assert [fleet.uids(name) == before[name] for name in NAMES] == [False, True, True]
    assert len(fleet.uids(FIRST) & before[FIRST]) == 1
