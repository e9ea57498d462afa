"""spec.network: who may connect, with the exact words, and the policy that comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.desired import labels
from controller.desired.instances.policies import CONTROLLER_LABELS, network_policy
from tests.factory import typed_database
from tests.network_cases import RIGHT, STRICTER, WRONG
from tests.verdicts import refused, warned

MEMBERS = {"podSelector": {"matchLabels": labels.instances("orders")}}
CONTROLLER = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keddah-system"}},
    "podSelector": {"matchLabels": CONTROLLER_LABELS},
}
ANYBODY = {"ports": [{"port": 5432, "protocol": "TCP"}]}


@pytest.mark.parametrize(("client", "words"), WRONG)
def test_a_client_that_no_policy_could_name_is_refused(client: dict[str, Any], words: str) -> None:
    found = refused(network={"clients": [{"podSelector": {}}, client]})
    assert found[0].startswith(f"spec.network.clients[1]{words}")


@pytest.mark.parametrize("cidr", STRICTER)
def test_a_range_that_means_another_than_it_says_is_refused(cidr: str) -> None:
    (found,) = refused(network={"clients": [{"ipBlock": {"cidr": cidr}}]})
    assert found.startswith(f'spec.network.clients[0].ipBlock.cidr: got "{cidr}"; must be a range')


def test_every_right_client_reaches_the_policy_as_it_was_written() -> None:
    assert refused(network={"clients": list(RIGHT)}) == []
    assert sql(network={"clients": list(RIGHT)}) == {**ANYBODY, "from": [MEMBERS, CONTROLLER, *RIGHT]}


def test_everybody_connects_unless_clients_are_named_and_nobody_if_none_is() -> None:
    assert sql() == sql(network={}) == ANYBODY
    assert sql(network={"clients": []}) == {**ANYBODY, "from": [MEMBERS, CONTROLLER]}


def test_clients_change_nothing_for_patroni() -> None:
    assert rules(network={"clients": []})[1:] == rules()[1:]


def test_a_list_without_anybody_is_asked_about() -> None:
    words = "spec.network.clients: empty, so nothing but the database's own instances can connect"
    assert words in warned(network={"clients": []})
    assert words not in warned(network={})


def sql(**spec: Any) -> dict[str, Any]:  # noqa: ANN401
    return rules(**spec)[0]


def rules(**spec: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    found = network_policy(typed_database(**spec), operator_namespace="keddah-system")
    ingress: list[dict[str, Any]] = found["spec"]["ingress"]
    return ingress
