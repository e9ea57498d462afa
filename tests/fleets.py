"""Several databases under one policy, with a controller in the test's process and a clock of its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from tests import factory
from tests.children import KIND, condition, events
from tests.inprocess import InProcessController, clock
from tests.kubelet import Kubelet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.rest import Rest

OLD = "keddah.dev/keddah-postgres:17.6"
"""The policy's image of the newest 17."""
ROUNDS = 200


class Fleet:
    """Databases of two instances under one policy, their controller, and its clock."""

    def __init__(
        self, rest: Rest, namespace: str, policy: Path, *, names: tuple[str, ...], storage: str
    ) -> None:
        self.namespace = namespace
        self.names = names
        self.kubelet = Kubelet(rest, namespace)
        self.controller: InProcessController
        self.rest, self._policy, self._storage = rest, policy, storage
        self._ahead = timedelta(0)
        self.allow(OLD)

    def now(self) -> datetime:
        """Tell the time by the controller's clock."""
        return clock() + self._ahead

    def pass_by(self, time: timedelta) -> None:
        """Let time pass."""
        self._ahead += time

    def create(self) -> None:
        """Create the databases, without backups: their pods and images would be counted too."""
        storage = {"storageClassName": self._storage}
        whole = {"version": "17", "replicas": 2, "storage": storage, "backupSchedule": ""}
        for name in self.names:
            self.rest.create(factory.submitted(name, self.namespace, **whole)).expect()

    @asynccontextmanager
    async def at_work(self, kubeconfig: Path, *images: str) -> AsyncIterator[Self]:
        """Create the databases, with a controller that has brought them to rest with one of the images."""
        self.create()
        self.controller = await InProcessController.start(
            kubeconfig, self.kubelet, self._policy, now=self.now
        )
        async with self.controller:
            await self.until(lambda: any(self.at_rest(image) for image in images or (OLD,)))
            yield self

    def allow(self, image: str, at_once: int = 1, window: str = "") -> None:
        """Have the policy name another image of the newest 17, and a window of an hour from this time on."""
        text = factory.POLICY.replace(f'"{OLD}"', f'"{image}"')
        when = f', when: window, window: {{start: "{window}", duration: 1h}}' if window else ""
        self._policy.write_text(f"{text}minorUpgrades: {{atOnce: {at_once}{when}}}\n")

    async def look(self, *names: str) -> None:
        """Run one pass over each of these, or of all."""
        self.kubelet.look()
        for name in names or self.names:
            await self.controller.reconcile(self.namespace, name)

    async def until(self, fact: Callable[[], bool]) -> None:
        """Look again and again until something is true."""
        for _ in range(ROUNDS):
            if fact():
                return
            await self.look()
            await asyncio.sleep(0.05)  # Kubernetes' own controllers need their time
        raise AssertionError([self._told_last(name) for name in self.names])

    def images(self, name: str) -> list[str]:
        """Give the image of each pod of a database."""
        return [pod["spec"]["containers"][0]["image"] for pod in self._pods(name)]

    def uids(self, name: str) -> set[str]:
        """Give the UID of each pod of a database."""
        return {pod["metadata"]["uid"] for pod in self._pods(name)}

    def up_to_date(self, name: str) -> tuple[str, str]:
        """Give reason and message of the condition that tells of images."""
        found = condition(self.rest, self.namespace, "UpToDate", name)
        return found.get("reason", ""), found.get("message", "")

    def reason(self, name: str) -> str:
        """Give the reason alone."""
        return self.up_to_date(name)[0]

    def ready(self, name: str) -> bool:
        """Tell whether a database serves, as its condition says."""
        return condition(self.rest, self.namespace, "Ready", name).get("reason") == "Ready"

    def stalled(self, name: str) -> str:
        """Give the reason why a person is needed."""
        return str(condition(self.rest, self.namespace, "Stalled", name).get("reason", ""))

    def at_rest(self, image: str) -> bool:
        """Tell whether all have this image, serve with it, and say so."""
        return all(
            self.images(name) == [image] * 2 and self.reason(name) == "AsAllowed" and self.ready(name)
            for name in self.names
        )

    async def told(self, name: str) -> list[str]:
        """Give the reasons of the events about a database's image, oldest first."""
        await self.controller.send_events()
        reasons = [each.partition(":")[0] for each in events(self.rest, self.namespace, name)]
        return [reason for reason in reasons if reason.startswith("Up")]

    def _told_last(self, name: str) -> list[str]:
        """Give all conditions of a database, and its pods, for whoever reads a failure."""
        database = self.rest.get(KIND, self.namespace, name) or {}
        conditions = (database.get("status") or {}).get("conditions") or []
        told = [f"{each['type']}={each['status']} {each['reason']}: {each['message']}" for each in conditions]
        return [*told, *(f"{pod['metadata']['name']} {pod['metadata']['uid']}" for pod in self._pods(name))]

    def _pods(self, name: str) -> list[Any]:
        selector = f"keddah.dev/database={name}"
        return self.rest.list("Pod", self.namespace, labelSelector=selector)
