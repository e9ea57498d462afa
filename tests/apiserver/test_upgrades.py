"""A catalogue moves on for several databases at once, and one of them does not come up with the image."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from controller.plan.fleet import STUCK_AFTER
from tests import factory
from tests.children import condition, events
from tests.inprocess import InProcessController, clock
from tests.kubelet import Kubelet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "upgrades"
FIRST, SECOND, THIRD = NAMES = ("alpha", "beta", "gamma")
OLD, NEW, FIXED = (f"keddah.dev/keddah-postgres:17.6{suffix}" for suffix in ("", "-b", "-c"))
ROUNDS = 200


class Fleet:
    """Three databases of two instances under one policy, their controller, and its clock."""

    def __init__(self, rest: Rest, namespace: str, policy: Path) -> None:
        self.namespace = namespace
        self.kubelet = Kubelet(rest, namespace)
        self.controller: InProcessController
        self._rest, self._policy = rest, policy
        self._ahead = timedelta(0)
        self.allow(OLD)

    def now(self) -> datetime:
        """Tell the time by the controller's clock."""
        return clock() + self._ahead

    def pass_by(self, time: timedelta) -> None:
        """Let time pass."""
        self._ahead += time

    def create(self) -> None:
        """Create the databases."""
        whole = {"version": "17", "replicas": 2, "storage": {"storageClassName": CLASS}}
        for name in NAMES:
            self._rest.create(factory.submitted(name, self.namespace, **whole)).expect()

    def allow(self, image: str, at_once: int = 1) -> None:
        """Have the policy name another image of the newest 17."""
        text = factory.POLICY.replace(f'"{OLD}"', f'"{image}"')
        self._policy.write_text(f"{text}minorUpgrades: {{atOnce: {at_once}}}\n")

    async def look(self, *names: str) -> None:
        """Run one pass over each of these, or of all."""
        self.kubelet.look()
        for name in names or NAMES:
            await self.controller.reconcile(self.namespace, name)

    async def until(self, fact: Callable[[], bool]) -> None:
        """Look again and again until something is true."""
        for _ in range(ROUNDS):
            if fact():
                return
            await self.look()
            await asyncio.sleep(0.05)  # Kubernetes' own controllers need their time
        raise AssertionError([self.up_to_date(name) for name in NAMES])

    def images(self, name: str) -> list[str]:
        """Give the image of each pod of a database."""
        return [pod["spec"]["containers"][0]["image"] for pod in self._pods(name)]

    def uids(self, name: str) -> set[str]:
        """Give the UID of each pod of a database."""
        return {pod["metadata"]["uid"] for pod in self._pods(name)}

    def up_to_date(self, name: str) -> tuple[str, str]:
        """Give reason and message of the condition that tells of images."""
        found = condition(self._rest, self.namespace, "UpToDate", name)
        return found.get("reason", ""), found.get("message", "")

    def reason(self, name: str) -> str:
        """Give the reason alone."""
        return self.up_to_date(name)[0]

    def at_rest(self, image: str) -> bool:
        """Tell whether all have this image, serve with it, and say so."""
        return all(
            self.images(name) == [image] * 2
            and self.reason(name) == "AsAllowed"
            and condition(self._rest, self.namespace, "Ready", name).get("reason") == "Ready"
            for name in NAMES
        )

    async def told(self, name: str) -> list[str]:
        """Give the reasons of the events about a database's image, oldest first."""
        await self.controller.send_events()
        reasons = [each.partition(":")[0] for each in events(self._rest, self.namespace, name)]
        return [reason for reason in reasons if reason.startswith("Up")]

    def _pods(self, name: str) -> list[Any]:
        selector = f"keddah.dev/database={name}"
        return self._rest.list("Pod", self.namespace, labelSelector=selector)


@pytest.fixture
async def fleet(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> AsyncIterator[Fleet]:
    """Give the databases at rest."""
    policy = tmp_path / "policy.yaml"
    made = Fleet(rest, namespace, policy)
    made.create()
    made.controller = await InProcessController.start(
        controller_kubeconfig, made.kubelet, policy, now=made.now
    )
    async with made.controller:
        await made.until(lambda: made.at_rest(OLD))
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
    moving = FIRST
    begun: list[str] = []
    for _ in range(ROUNDS):
        await fleet.look(moving)
        begun += [name for name in NAMES if image in fleet.images(name) and name not in begun]
        if fleet.controller.woken:
            assert fleet.images(moving) == [image] * 2
            moving = fleet.controller.woken.pop(0).name
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
