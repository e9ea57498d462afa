"""A release of keddah whose pods are different, and a registry's mirror that rewrites their images."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from controller.desired.instances.pod import pod_template
from controller.plan.fleet import CANARY_SERVES
from controller.plan.instances import fallback, templates
from tests.children import KIND
from tests.fleets import OLD, ROUNDS, Fleet
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from controller.kube.objects import Manifest
    from schemas.api.types import PostgreSQLDatabase
    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "releases"
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
NEW = f"{OLD}-b"
HOUR = timedelta(hours=1)
MIRROR = "mirror.example.com/"
MIRRORED = f"{MIRROR}{OLD}"


@pytest.fixture
async def fleet(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> AsyncIterator[Fleet]:
    """Give the databases at rest."""
    made = Fleet(rest, namespace, tmp_path / "policy.yaml", names=NAMES, storage=CLASS)
    async with made.at_work(controller_kubeconfig, OLD, MIRRORED):
        yield made


@pytest.fixture
def mirror(rest: Rest, namespace: str) -> Iterator[None]:
    """Rewrite the image of every pod that is made in the namespace, as clusters with a mirror do."""
    name = f"mirror-{namespace}"
    patch = (
        '[JSONPatch{op: "replace", path: "/spec/containers/0/image",'
        f' value: "{MIRROR}" + object.spec.containers[0].image}}]'
    )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }
    version = "admissionregistration.k8s.io/v1"
    metadata = {"name": name}
    rest.create(
        {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": metadata, "spec": spec}
    ).expect()
    rest.create(
        {
            "apiVersion": version,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": name},
        }
    ).expect()
    account = {"name": "default", "namespace": namespace}
    rest.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}).expect()
    container = {"name": "postgres", "image": OLD}
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": namespace},
        "spec": {"containers": [container]},
    }

    def mirrored() -> bool:
        made = rest.create(probe, dryRun="All").expect()
        return bool(made["spec"]["containers"][0]["image"] == MIRRORED)

    until(mirrored, 30)
    yield
    rest.delete("MutatingAdmissionPolicyBinding", None, name)
    rest.delete("MutatingAdmissionPolicy", None, name)


@pytest.fixture
def next_release(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the next release of keddah, whose pods end more slowly; the databases are of the one before."""
    assert fleet.names == NAMES

    def renewed(db: PostgreSQLDatabase, image: str) -> Manifest:
        made = pod_template(db, image)
        return {**made, "spec": {**made["spec"], "terminationGracePeriodSeconds": 301}}

    for module in (fallback, templates):
        monkeypatch.setattr(module, "pod_template", renewed)


def closed(fleet: Fleet, image: str = OLD) -> None:
    """Have the policy allow upgrades in an hour from now on."""
    soon = fleet.now() + HOUR
    fleet.allow(image, window=soon.strftime("%H:%M"))


def moved(fleet: Fleet, before: dict[str, set[str]]) -> list[str]:
    """Name the databases of which any pod is another one than before."""
    return [name for name in NAMES if fleet.uids(name) != before[name]]


@pytest.mark.usefixtures("next_release")
async def test_a_release_restarts_nobody_outside_of_the_window_and_one_after_the_other_in_it(
    fleet: Fleet,
) -> None:
    before = {name: fleet.uids(name) for name in NAMES}
    closed(fleet)
    for _ in range(4):
        await fleet.look()
    assert moved(fleet, before) == []
    for name in NAMES:
        reason, message = fleet.up_to_date(name)
        assert reason == "UpgradePending"
        assert message.startswith("the pod template of keddah 0.1.0: the policy's maintenance")
    fleet.pass_by(HOUR)
    begun: list[str] = []
    for _ in range(ROUNDS):
        await fleet.look()
        begun += [name for name in moved(fleet, before) if name not in begun]
        # One that has begun is through before the next begins.
        assert all(not fleet.uids(name) & before[name] for name in begun[:-1])
        if fleet.at_rest(OLD):
            break
        if len(begun) == 1 and not fleet.uids(begun[0]) & before[begun[0]] and fleet.ready(begun[0]):
            fleet.pass_by(CANARY_SERVES)
        await asyncio.sleep(0.05)
    assert fleet.at_rest(OLD), [fleet.up_to_date(name) for name in NAMES]
    assert sorted(begun) == sorted(NAMES)
    assert all(not fleet.uids(name) & before[name] for name in NAMES)


@pytest.mark.usefixtures("next_release")
async def test_however_many_may_go_at_once_one_goes_alone_until_it_has_served_for_a_while(
    fleet: Fleet,
) -> None:
    before = {name: fleet.uids(name) for name in NAMES}
    fleet.allow(OLD, at_once=3)
    await fleet.until(lambda: "Upgrading" not in map(fleet.reason, NAMES) and bool(moved(fleet, before)))
    [first] = moved(fleet, before)
    for _ in range(3):
        await fleet.look()
    assert moved(fleet, before) == [first]
    assert [fleet.reason(name) for name in NAMES].count("UpgradeQueued") == 4
    fleet.pass_by(CANARY_SERVES)
    await fleet.look()
    await fleet.look()
    assert [fleet.reason(name) for name in NAMES].count("Upgrading") == 3


@pytest.mark.usefixtures("next_release")
async def test_what_a_user_changes_in_a_closed_window_is_rolled_out_at_once(fleet: Fleet, rest: Rest) -> None:
    before = {name: fleet.uids(name) for name in NAMES}
    closed(fleet)
    await fleet.look()
    change: dict[str, Any] = {"spec": {"resources": {"requests": {"cpu": "150m"}}}}
    rest.merge(KIND, fleet.namespace, "gamma", change).expect()
    await fleet.until(lambda: not fleet.uids("gamma") & before["gamma"])
    await fleet.until(lambda: fleet.reason("gamma") == "AsAllowed")
    assert moved(fleet, before) == ["gamma"]
    assert [fleet.reason(name) for name in ("alpha", "epsilon")] == ["UpgradePending"] * 2


@pytest.mark.usefixtures("mirror")
async def test_rewritten_images_leave_window_and_turn_in_force(fleet: Fleet) -> None:
    assert [fleet.images(name) for name in NAMES] == [[MIRRORED] * 2] * 5
    before = {name: fleet.uids(name) for name in NAMES}
    closed(fleet, NEW)
    for _ in range(4):
        await fleet.look()
    assert [fleet.reason(name) for name in NAMES] == ["UpgradePending"] * 5
    assert moved(fleet, before) == []
    fleet.pass_by(HOUR)
    await fleet.look()
    await fleet.look()
    assert [fleet.reason(name) for name in NAMES].count("UpgradeQueued") == 4
    await fleet.until(lambda: any(fleet.reason(name) == "AsAllowed" and fleet.ready(name) for name in NAMES))
    fleet.pass_by(CANARY_SERVES)
    await fleet.until(lambda: fleet.at_rest(f"{MIRROR}{NEW}"))
