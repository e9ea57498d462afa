"""The controller is killed after any of its writes: the next one reaches the same state."""

from __future__ import annotations

import asyncio
import base64
import copy
import itertools
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from controller.certificates.keys import DatabaseKeys
from controller.plan.outcome import Done
from tests import factory
from tests.children import KIND, condition, live
from tests.inprocess import InProcessController, KilledError
from tests.kubelet import Kubelet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.rest import Object, Rest

pytestmark = [pytest.mark.usefixtures("storage_class"), pytest.mark.minutes(1)]

CLASS = "crash"
PASSES = 60


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(factory.POLICY)
    return path


class Bench:
    """A namespace with one database, and controllers that are killed while working on it."""

    def __init__(self, rest: Rest, kubeconfig: Path, policy: Path, namespace: str) -> None:
        self.rest, self.namespace = rest, namespace
        self.kubelet = Kubelet(rest, namespace)
        self._kubeconfig, self._policy = kubeconfig, policy

    def create(self, **spec: Any) -> None:  # noqa: ANN401
        """Create the database; default schedules would differ from namespace to namespace."""
        never = {"backupSchedule": "", "backup": {"verify": {"schedule": ""}}}
        whole = {"version": "17", **never, "storage": {"storageClassName": CLASS}, **spec}
        self.rest.create(factory.submitted("orders", self.namespace, **whole)).expect()

    def change(self, **spec: Any) -> None:  # noqa: ANN401
        """Change fields of its spec."""
        self.rest.merge(KIND, self.namespace, "orders", {"spec": spec}).expect()

    async def live(self, killed_after: int = 0) -> list[str]:
        """Run one controller until all is done, or until it is killed; return its writes."""
        controller = await InProcessController.start(
            self._kubeconfig, self.kubelet, self._policy, killed_after=killed_after
        )
        async with controller:
            with suppress(KilledError):
                await self._until_done(controller)
            return controller.writes.done

    async def _until_done(self, controller: InProcessController) -> None:
        for _ in range(PASSES):
            self.kubelet.look()
            before = len(controller.writes.done)
            outcome = await controller.reconcile(self.namespace, "orders")
            if isinstance(outcome, Done) and len(controller.writes.done) == before:
                return
            await asyncio.sleep(0.05)  # Kubernetes' own controllers need their time
        raise AssertionError(f"not done: {outcome}")

    def allow(self, tag: str) -> str:
        """Have the policy name another image of the newest 17; give its name."""
        image = f"keddah.dev/keddah-postgres:{tag}"
        self._policy.write_text(factory.POLICY.replace("keddah.dev/keddah-postgres:17.6", image))
        return image

    def images(self) -> set[str]:
        """Give the images that pods were made with."""
        pods = self.rest.list("Pod", self.namespace, labelSelector="keddah.dev/database=orders")
        return {str(pod["spec"]["containers"][0]["image"]) for pod in pods}

    def state(self) -> dict[tuple[str, str], Object]:
        """Give every child less what differs from one run to the next."""
        database = self.rest.get(KIND, self.namespace, "orders")
        assert database is not None
        words = {self.namespace: "NAMESPACE", database["metadata"]["uid"]: "UID"}
        return {key: _comparable(child, words) for key, child in live(self.rest, self.namespace).items()}

    def status(self) -> Object:
        """Give the status less moments and generations."""
        database = self.rest.get(KIND, self.namespace, "orders")
        assert database is not None
        found: Object = copy.deepcopy(database["status"])
        for each in found["conditions"]:
            del each["lastTransitionTime"]
            del each["observedGeneration"]
        del found["observedGeneration"]
        return found


def _comparable(child: Object, words: dict[str, str]) -> Object:
    text = json.dumps(child)
    for given, plain in words.items():
        text = text.replace(given, plain)
    plain_child: Object = json.loads(text)
    metadata = plain_child["metadata"]
    annotations = metadata.get("annotations") or {}
    annotations.pop("keddah.dev/applied", None)
    kept = {key: metadata.get(key) for key in ("name", "labels", "ownerReferences")}
    result = {key: value for key, value in plain_child.items() if key not in ("metadata", "status")}
    if child["kind"] == "Secret":
        result["data"] = sorted(result["data"])
    if child["kind"] == "Service":
        result["spec"] = {k: v for k, v in result["spec"].items() if not k.startswith("clusterIP")}
    return {**result, "metadata": {**kept, "annotations": annotations}}


def keys(rest: Rest, namespace: str) -> DatabaseKeys | None:
    secret = rest.get("Secret", namespace, "orders-keys")
    return DatabaseKeys.decode(secret["data"]) if secret else None


@pytest.fixture
def benches(
    rest: Rest, controller_kubeconfig: Path, policy: Path, new_namespace: Callable[..., str]
) -> Callable[[], Bench]:
    return lambda: Bench(rest, controller_kubeconfig, policy, new_namespace())


async def test_a_first_reconcile_survives_a_kill_of_the_controller_after_each_write(
    benches: Callable[[], Bench], rest: Rest
) -> None:
    whole = benches()
    whole.create(replicas=2)
    writes = await whole.live()
    assert len(writes) > len(whole.state())
    for count in itertools.count(1):
        bench = benches()
        bench.create(replicas=2)
        cut = await bench.live(killed_after=count)
        early = keys(rest, bench.namespace)
        await bench.live()
        assert bench.state() == whole.state(), (count, cut)
        assert bench.status() == whole.status(), (count, cut)
        late = keys(rest, bench.namespace)
        assert late is not None
        assert early is None or early == late
        app = rest.get("Secret", bench.namespace, "orders-app")
        assert app is not None
        assert base64.b64decode(app["data"]["password"]).decode() == late.password("app")
        if len(cut) < count:
            # It came to its end: how often the status is written on the way depends on how fast pods are.
            break
    assert count > len(whole.state())


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)], ids=["up", "down, the primary first moved"])
async def test_a_scale_change_survives_a_kill_of_the_controller_after_each_write(
    benches: Callable[[], Bench], before: int, after: int
) -> None:
    bench = benches()
    bench.create(replicas=before)
    await bench.live()

    async def scaled(killed_after: int) -> list[str]:
        """Start from the same state each time: the primary is the last instance."""
        bench.change(replicas=before)
        await bench.live()
        bench.kubelet.promote("orders", f"orders-{before - 1}")
        await bench.live()
        bench.change(replicas=after)
        return await bench.live(killed_after)

    writes = await scaled(0)
    wanted, told = bench.state(), bench.status()
    assert told["ready"] == f"{after}/{after}"
    assert any("StatefulSet" in write for write in writes)
    for count in range(1, len(writes) + 1):
        cut = await scaled(count)
        await bench.live()
        assert bench.state() == wanted, (count, cut)
        assert bench.status() == told, (count, cut)
    assert condition(bench.rest, bench.namespace, "Ready")["status"] == "True"


async def test_another_image_survives_a_kill_of_the_controller_after_each_write(
    benches: Callable[[], Bench],
) -> None:
    bench = benches()
    bench.create(replicas=2)

    async def upgraded(killed_after: int) -> list[str]:
        """Start from the same state each time: all on the first image, and the first instance primary."""
        first = bench.allow("17.6-a")
        await bench.live()
        bench.kubelet.promote("orders", "orders-0")
        await bench.live()
        assert bench.images() == {first}
        bench.allow("17.6-b")
        return await bench.live(killed_after)

    writes = await upgraded(0)
    wanted, images = bench.state(), bench.images()
    assert [write for write in writes if write.startswith("delete Pod")] == ["delete Pod 200"] * 2
    for count in range(1, len(writes) + 1):
        cut = await upgraded(count)
        await bench.live()
        assert bench.images() == images, (count, cut)
        assert bench.state() == wanted, (count, cut)
    told = condition(bench.rest, bench.namespace, "UpToDate")
    assert (told["status"], told["reason"]) == ("True", "AsAllowed")
    assert bench.status()["primary"] == "orders-1"
