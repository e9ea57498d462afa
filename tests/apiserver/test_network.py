"""Clients of spec.network: the API server takes every policy of what we accept, and few that we refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.desired.instances.policies import network_policy
from tests import factory
from tests.network_cases import RIGHT, STRICTER, WRONG

if TYPE_CHECKING:
    from tests.rest import Object, Rest


def policy(namespace: str, *clients: dict[str, Any]) -> Object:
    """Give the policy of a database with these clients, which need not be right."""
    made = network_policy(factory.typed_database(), operator_namespace="keddah-system")
    made["metadata"] = {"name": "asked", "namespace": namespace}
    made["spec"]["ingress"][0]["from"] = list(clients)
    return made


def test_the_api_server_takes_every_client_that_we_take(rest: Rest, shared_namespace: str) -> None:
    asked = network_policy(
        factory.typed_database(network={"clients": list(RIGHT)}), operator_namespace="keddah-system"
    )
    asked["metadata"] = {"name": "asked", "namespace": shared_namespace}
    taken = rest.create(asked, dryRun="All", fieldValidation="Strict").expect()
    # Besides the members and the controller.
    assert len(taken["spec"]["ingress"][0]["from"]) == 2 + len(RIGHT)


@pytest.mark.parametrize("client", [client for client, _ in WRONG])
def test_the_api_server_refuses_what_we_refuse(
    rest: Rest, shared_namespace: str, client: dict[str, Any]
) -> None:
    answer = rest.create(policy(shared_namespace, client), dryRun="All", fieldValidation="Strict")
    assert not answer.accepted


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize("client", [client for client, _ in WRONG] + [{"ipBlock": {"cidr": STRICTER[0]}}])
def test_a_database_with_such_a_client_is_refused_with_its_path(
    rest: Rest, shared_namespace: str, client: dict[str, Any]
) -> None:
    given = factory.submitted("narrow", shared_namespace, network={"clients": [client]})
    answer = rest.create(given)
    assert not answer.accepted
    assert "spec.network.clients[0]" in answer.message
