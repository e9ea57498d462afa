"""services.ipFamilyPolicy, on an API server whose Services have addresses of both families."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from deploy.generate.objects import CONTROLLER, NAMESPACE
from deploy.local.controlplane import ControlPlane
from deploy.manifests import INSTALL
from tests import factory
from tests.children import KIND, condition
from tests.controller_process import ControllerProcess
from tests.installation import account_kubeconfig
from tests.kubectl import Kubectl
from tests.rest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rest import Object

BOTH = "--service-cluster-ip-range=10.0.0.0/16,fd00:10:96::/112"
SHOP = "default"
NAMES = ("orders", "orders-ro", "orders-pods", "orders-repository")


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Give the administrator of such a server, on which the controller acts."""
    folder = tmp_path_factory.mktemp("families")
    with ControlPlane(folder / "plane", flags=(BOTH,)) as plane:
        kubectl = Kubectl(plane.programs / "kubectl", plane.kubeconfig)
        for file in ("namespace.yaml", "crd.yaml", "rbac.yaml"):
            kubectl.good("apply", "--server-side", "-f", str(INSTALL / file))
        user = Rest(plane.kubeconfig)
        account = account_kubeconfig(user, plane.kubeconfig, CONTROLLER, folder / "account")
        with ControllerProcess(folder / "controller", account, KEDDAH_NAMESPACE=NAMESPACE) as process:
            process.acting()
            yield user
        user.close()


def services(rest: Rest) -> dict[str, Object]:
    found = {each["metadata"]["name"]: each["spec"] for each in rest.list("Service", SHOP)}
    return {name: found[name] for name in NAMES if name in found}


def have(rest: Rest, *families: str) -> bool:
    found = services(rest)
    return len(found) == len(NAMES) and all(spec["ipFamilies"] == [*families] for spec in found.values())


def ask(rest: Rest, **given: Any) -> None:  # noqa: ANN401
    change = {"spec": {"services": {"ipFamilyPolicy": None, "ipFamilies": None, **given}}}
    rest.merge(KIND, SHOP, "orders", change).expect()


def processed(rest: Rest) -> bool:
    live = rest.get(KIND, SHOP, "orders") or {}
    told: bool = live["status"].get("observedGeneration") == live["metadata"]["generation"]
    return told


def test_services_get_a_second_family_lose_it_again_and_keep_their_first_address(rest: Rest) -> None:
    rest.create(factory.complete_database("orders", SHOP)).expect()
    seen = partial(services, rest)
    until(partial(have, rest, "IPv4"), 40, seen)
    first = services(rest)["orders"]["clusterIP"]
    ask(rest, ipFamilyPolicy="PreferDualStack")
    until(partial(have, rest, "IPv4", "IPv6"), 20, seen)
    addresses = services(rest)["orders"]["clusterIPs"]
    assert addresses[0] == first
    assert addresses[1].startswith("fd00:10:96:")
    ask(rest, ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv4", "IPv6"])
    until(lambda: services(rest)["orders"]["ipFamilyPolicy"] == "RequireDualStack", 20, seen)
    ask(rest, ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"])
    until(partial(have, rest, "IPv4"), 20, seen)
    ask(rest, ipFamilyPolicy="PreferDualStack")
    until(partial(have, rest, "IPv4", "IPv6"), 20, seen)
    ask(rest, ipFamilyPolicy="SingleStack")
    until(partial(have, rest, "IPv4"), 20, seen)
    # Nothing asked for leaves what there is.
    ask(rest)
    until(partial(processed, rest), 20)
    assert condition(rest, SHOP, "Stalled").get("reason") != "WriteRefused"
    assert have(rest, "IPv4")
    assert services(rest)["orders"]["clusterIP"] == first


def test_a_family_that_services_cannot_change_to_is_told(rest: Rest) -> None:
    ask(rest, ipFamilies=["IPv6"])

    def told() -> bool:
        found = condition(rest, SHOP, "Stalled")
        return found.get("reason") == "WriteRefused" and "ipFamilies" in found["message"]

    until(told, 30, lambda: str(condition(rest, SHOP, "Stalled")))
    ask(rest)


def test_a_new_database_has_the_families_from_the_start(rest: Rest) -> None:
    dual = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}
    rest.create(factory.complete_database("ledger", SHOP, services=dual)).expect()
    live = until(lambda: rest.get("Service", SHOP, "ledger"), 30)
    assert live
    spec = live["spec"]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv6", "IPv4"], "RequireDualStack")
    assert spec["clusterIP"].startswith("fd00:10:96:")
