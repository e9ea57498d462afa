"""Services for applications outside of the cluster: the API server takes every change of what we accept."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests import factory
from tests.children import KIND, all_exist, condition
from tests.waiting import until

if TYPE_CHECKING:
    from tests.rest import Object, Rest

pytestmark = pytest.mark.usefixtures("controller")

BALANCED = {
    "type": "LoadBalancer",
    "annotations": {"example.com/internal": "true"},
    "sourceRanges": ["10.0.0.0/8", "2001:db8::/64"],
    "loadBalancerClass": "example.com/lb",
    "externalTrafficPolicy": "Local",
}
CHANGES: tuple[dict[str, Any] | None, ...] = (
    {"type": "NodePort", "nodePort": 30007},
    BALANCED,
    {"type": "NodePort"},
    {**BALANCED, "loadBalancerClass": "example.com/other", "nodePort": 30008},
    {"type": "LoadBalancer", "loadBalancerClass": "example.com/other"},
    None,
)
"""From each to the next, and back to what is usual."""


def service(rest: Rest, namespace: str, name: str = "orders") -> Object:
    return rest.get("Service", namespace, name) or {"metadata": {}, "spec": {"ports": [{}]}}


def as_asked(rest: Rest, namespace: str, asked: dict[str, Any]) -> bool:
    live = service(rest, namespace)
    spec, annotations = live["spec"], live["metadata"].get("annotations") or {}
    balanced = asked.get("type") == "LoadBalancer"
    outside = asked.get("type", "ClusterIP") != "ClusterIP"
    port = spec["ports"][0].get("nodePort")
    return (
        spec.get("type") == asked.get("type", "ClusterIP")
        and spec.get("loadBalancerSourceRanges") == asked.get("sourceRanges")
        and (not balanced or spec.get("loadBalancerClass") == asked.get("loadBalancerClass"))
        and (not outside or spec["externalTrafficPolicy"] == asked.get("externalTrafficPolicy", "Cluster"))
        and (port == asked["nodePort"] if "nodePort" in asked else bool(port) == outside)
        and ("example.com/internal" in annotations) == ("annotations" in asked)
    )


def test_a_service_follows_every_change_of_its_type_and_the_other_stays(rest: Rest, namespace: str) -> None:
    rest.create(factory.submitted("orders", namespace, version="17")).expect()
    until(lambda: all_exist(rest, namespace), 40)
    before = service(rest, namespace, "orders-ro")
    address = service(rest, namespace)["spec"]["clusterIP"]
    template = (rest.get("StatefulSet", namespace, "orders") or {})["spec"]["template"]
    for asked in CHANGES:
        # A change of one type into another takes the fields of the former away.
        gone = dict.fromkeys(BALANCED.keys() | {"nodePort"})
        primary = gone | asked if asked else None
        rest.merge(KIND, namespace, "orders", {"spec": {"services": {"primary": primary}}}).expect()
        told = partial(service, rest, namespace)
        until(partial(as_asked, rest, namespace, asked or {}), 20, told)
    assert service(rest, namespace, "orders-ro") == before
    assert service(rest, namespace)["spec"]["clusterIP"] == address
    assert (rest.get("StatefulSet", namespace, "orders") or {})["spec"]["template"] == template
    assert condition(rest, namespace, "Stalled")["reason"] != "WriteRefused"


def test_what_somebody_changes_by_hand_is_put_back(rest: Rest, namespace: str) -> None:
    rest.create(factory.submitted("orders", namespace, version="17", services={"primary": BALANCED})).expect()
    until(lambda: as_asked(rest, namespace, BALANCED), 40)
    change = {"spec": {"loadBalancerSourceRanges": ["0.0.0.0/0"]}}
    rest.merge("Service", namespace, "orders", change).expect()
    until(lambda: as_asked(rest, namespace, BALANCED), 20, partial(service, rest, namespace))


def test_the_certificate_follows_the_users_names(rest: Rest, namespace: str) -> None:
    rest.create(factory.submitted("orders", namespace, version="17")).expect()
    until(lambda: all_exist(rest, namespace), 40)
    names = ["db.example.com", "192.0.2.7"]
    rest.merge(KIND, namespace, "orders", {"spec": {"tls": {"names": names}}}).expect()

    def covered() -> bool:
        secret = rest.get("Secret", namespace, "orders-tls") or {}
        pem = base64.b64decode(secret["data"]["tls.crt"])
        extensions = x509.load_pem_x509_certificate(pem).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = set(found.get_values_for_type(x509.DNSName))
        addresses = {str(each) for each in found.get_values_for_type(x509.IPAddress)}
        return {*names} <= hosts | addresses and "orders" in hosts

    # Not when the Secrets are read again anyway.
    until(lambda: condition(rest, namespace, "Stalled").get("reason") == "NoDefaultStorageClass", 20)
    until(covered, 20)


def test_the_class_of_a_load_balancer_cannot_change_as_the_api_server_says_too(
    rest: Rest, namespace: str
) -> None:
    first = rest.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "plain", "namespace": namespace},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 1}], "loadBalancerClass": "a.b/c"},
        }
    ).expect()
    change = {"spec": {"loadBalancerClass": "a.b/d"}}
    assert rest.merge("Service", namespace, first["metadata"]["name"], change).status == 422
