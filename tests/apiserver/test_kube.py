from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import pytest

from controller.act.recorder import Recorder
from controller.desired import instances
from controller.kube.answers import Conflict, Refused, Unavailable
from controller.kube.client import Kube, Listing
from controller.kube.connection import configuration
from controller.observe.state import ObservedState
from controller.plan.credentials import credentials
from schemas.api.types import decode
from tests import factory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from deploy.local.controlplane import ControlPlane

Manifest = dict[str, Any]
LABELS = {"keddah.dev/database": "orders"}


@pytest.fixture
def requests() -> list[tuple[str, str, int]]:
    """Every request that was made: verb, kind, status."""
    return []


@pytest.fixture
async def kube(plane: ControlPlane, requests: list[tuple[str, str, int]]) -> AsyncIterator[Kube]:
    loaded = await configuration(plane.kubeconfig)
    async with Kube(loaded, observe=lambda *request: requests.append(request[:3])) as client:
        yield client


def config_map(name: str, namespace: str = "default", **data: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_apply_creates_then_changes_and_owns_what_it_wrote(kube: Kube) -> None:
    first = await kube.apply(config_map("applied", a="1", b="2"))
    second = await kube.apply(config_map("applied", a="3"))
    assert first["data"] == {"a": "1", "b": "2"}
    assert second["data"] == {"a": "3"}
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert {entry["manager"] for entry in second["metadata"]["managedFields"]} == {"keddah"}


async def test_apply_of_the_same_thing_changes_nothing(kube: Kube) -> None:
    first = await kube.apply(config_map("same", a="1"))
    second = await kube.apply(config_map("same", a="1"))
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_what_is_not_there_is_none(kube: Kube) -> None:
    assert await kube.get("ConfigMap", "default", "nobody") is None
    assert await kube.patch("ConfigMap", "default", "nobody", {"data": {}}) is None
    assert await kube.delete("ConfigMap", "default", "nobody", uid="u") is False


async def test_lists_tell_kind_and_version_and_select_by_label(kube: Kube) -> None:
    await kube.apply(config_map("listed"))
    stranger = config_map("stranger")
    del stranger["metadata"]["labels"]
    await kube.apply(stranger)
    found = await kube.list("ConfigMap", "default", "keddah.dev/database=orders")
    names = {item["metadata"]["name"] for item in found}
    assert "listed" in names
    assert "stranger" not in names
    assert found[0]["kind"] == "ConfigMap"


async def test_a_list_of_metadata_carries_no_data(kube: Kube) -> None:
    await kube.apply(config_map("bare", secret="x"))
    # In all namespaces; those of other tests have some of that label, too, until they are gone.
    listing = await kube.list_metadata("ConfigMap", None, "keddah.dev/database=orders", "metadata.name=bare")
    assert isinstance(listing, Listing)
    assert listing.version > 0
    assert all("data" not in item for item in listing.items)
    assert {"default"} == {item["metadata"]["namespace"] for item in listing.items}


async def test_a_patch_at_an_old_version_is_a_conflict(kube: Kube) -> None:
    old = await kube.apply(config_map("raced", a="1"))
    await kube.apply(config_map("raced", a="2"))
    with pytest.raises(Conflict):
        await kube.patch(
            "ConfigMap",
            "default",
            "raced",
            {"data": {"a": "3"}},
            resource_version=old["metadata"]["resourceVersion"],
        )


async def test_a_merge_patch_removes_with_null(kube: Kube) -> None:
    await kube.apply(config_map("patched", a="1", b="2"))
    patched = await kube.patch("ConfigMap", "default", "patched", {"data": {"a": None}})
    assert patched is not None
    assert patched["data"] == {"b": "2"}


async def test_only_the_object_that_was_seen_is_deleted(kube: Kube) -> None:
    seen = await kube.apply(config_map("doomed"))
    with pytest.raises(Conflict):
        await kube.delete("ConfigMap", "default", "doomed", uid="somebody-else")
    with pytest.raises(Conflict):
        await kube.delete("ConfigMap", "default", "doomed", uid=seen["metadata"]["uid"], resource_version="1")
    assert await kube.delete("ConfigMap", "default", "doomed", uid=seen["metadata"]["uid"]) is True
    assert await kube.get("ConfigMap", "default", "doomed") is None


async def test_a_name_that_is_taken_is_a_conflict(kube: Kube) -> None:
    await kube.create(config_map("taken"))
    with pytest.raises(Conflict):
        await kube.create(config_map("taken"))


async def test_what_the_server_will_never_accept_is_refused_with_its_reason(kube: Kube) -> None:
    with pytest.raises(Refused, match="Invalid value") as refusal:
        await kube.apply(config_map("Not_A_Name"))
    assert refusal.value.status == 422
    with pytest.raises(Refused, match="not found"):
        await kube.apply(config_map("a", namespace="no-such-namespace"))


async def test_who_has_no_right_is_refused(plane: ControlPlane) -> None:
    loaded = await configuration(plane.kubeconfig_for("nobody"))
    async with Kube(loaded) as nobody:
        with pytest.raises(Refused, match="forbidden"):
            await nobody.list("ConfigMap")


async def test_no_answer_is_unavailable(plane: ControlPlane, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(plane.kubeconfig.read_text().replace(plane.url, "https://127.0.0.1:1"))
    async with Kube(await configuration(elsewhere)) as lost:
        with pytest.raises(Unavailable):
            await lost.get("ConfigMap", "default", "a")


async def test_without_permission_nothing_is_written_but_reading_goes_on(plane: ControlPlane) -> None:
    class LostError(Exception):
        pass

    def refuse() -> None:
        raise LostError

    async with Kube(await configuration(plane.kubeconfig), permit=refuse) as deposed:
        assert await deposed.get("ConfigMap", "default", "never") is None
        with pytest.raises(LostError):
            await deposed.apply(config_map("never"))
        with pytest.raises(LostError):
            await deposed.delete("ConfigMap", "default", "never", uid="u")


async def test_requests_are_counted_by_verb_and_kind(
    kube: Kube, requests: list[tuple[str, str, int]]
) -> None:
    await kube.get("ConfigMap", "default", "nobody")
    await kube.apply(config_map("counted"))
    assert requests == [("get", "ConfigMap", 404), ("apply", "ConfigMap", 201)]


async def test_the_same_event_again_makes_a_series_and_not_a_second_object(kube: Kube) -> None:
    about = await kube.apply(config_map("talkative"))
    recorder = Recorder(kube, now=lambda: datetime.now(UTC))
    for _ in range(3):
        recorder.record(about, "Normal", "Switchover", "orders-1 took over")
    sending = asyncio.create_task(recorder.run())
    await recorder.drain(20)
    sending.cancel()
    events = [e for e in await kube.list("Event", "default") if e["regarding"]["name"] == "talkative"]
    assert [(e["reason"], e["note"], e["series"]["count"]) for e in events] == [
        ("Switchover", "orders-1 took over", 3)
    ]


async def test_many_requests_at_once_share_the_pool(kube: Kube) -> None:
    names = [f"many-{number}" for number in range(60)]
    await asyncio.gather(*(kube.apply(config_map(name)) for name in names))
    found = await asyncio.gather(*(kube.get("ConfigMap", "default", name) for name in names))
    assert all(found)


async def test_another_session_has_the_same_credentials(kube: Kube) -> None:
    async with kube.session() as session, session.get(f"{kube.server}/api/v1/namespaces") as answer:
        # To its end: a connection with something left to read is closed at leisure, and outlives the test.
        assert "items" in await answer.json()
        assert answer.status == 200


async def test_a_child_taken_for_absent_is_made_or_left_as_it_is(kube: Kube, namespace: str) -> None:
    for child in children(namespace):
        kind, metadata = child["kind"], child["metadata"]
        made = await kube.apply(child, absent=True)
        owners = {(entry["manager"], entry["operation"]) for entry in made["metadata"]["managedFields"]}
        assert ("keddah", "Apply") in owners, kind
        metadata["labels"]["keddah.dev/database"] = "stolen"
        with pytest.raises(Conflict):
            await kube.apply(child, absent=True)
        there = await kube.get(kind, namespace, metadata["name"])
        assert there is not None
        assert there["metadata"]["labels"]["keddah.dev/database"] == "orders", kind


def children(namespace: str) -> list[Manifest]:
    """Give every child of a database, without an owner."""
    manifest = factory.complete_database()
    manifest["metadata"]["namespace"] = namespace
    db = decode(manifest)
    secrets = credentials(
        db,
        ObservedState(),
        operator="keddah-system",
        cluster_domain="cluster.local",
        now=datetime.now(UTC),
        entropy=token_bytes,
    )
    made = [*secrets, *instances.children(db, "image", instances=1, operator_namespace="keddah-system")]
    for child in made:
        child["metadata"].pop("ownerReferences", None)
    # The copy of the keys is another namespace's.
    return [child for child in made if child["metadata"]["namespace"] == namespace]
