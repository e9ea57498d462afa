"""spec.services and spec.tls: what is refused, with the exact words, and the Services that come of it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.desired.instances.services import services
from controller.desired.repository.children import service
from controller.desired.restore.server import server
from controller.desired.secrets import server_names
from schemas.admit import admit
from tests.factory import complete_database, typed_database
from tests.verdicts import NOW, POLICY, refused, warned

BALANCED = {"type": "LoadBalancer", "sourceRanges": ["10.0.0.0/8"]}


@pytest.mark.parametrize(
    ("primary", "words"),
    [
        ({"sourceRanges": ["10.0.0.0/8"]}, '.sourceRanges: got "10.0.0.0/8"; must be absent unless type is'),
        (
            {"loadBalancerClass": "a.b/c"},
            '.loadBalancerClass: got "a.b/c"; must be absent unless type is Load',
        ),
        ({"nodePort": 30000}, ".nodePort: got 30000; must be absent unless type is NodePort or LoadBalancer"),
        ({"externalTrafficPolicy": "Local"}, '.externalTrafficPolicy: got "Local"; must be absent unless'),
        (BALANCED | {"sourceRanges": ["10.0.0.1/8"]}, '.sourceRanges[0]: got "10.0.0.1/8"; must be a range'),
        (BALANCED | {"loadBalancerClass": "a b"}, '.loadBalancerClass: got "a b"; must be a name such as'),
        ({"annotations": {"keddah.dev/applied": "x"}}, ".annotations"),
        ({"annotations": {"no key": "x"}}, ".annotations"),
    ],
)
def test_what_no_service_could_be_is_refused(primary: dict[str, Any], words: str) -> None:
    (found,) = refused(services={"primary": primary})
    assert found.startswith(f"spec.services.primary{words}")


def test_two_services_cannot_have_one_port_of_the_nodes() -> None:
    port = {"type": "NodePort", "nodePort": 30000}
    (found,) = refused(services={"primary": port, "standbys": port})
    assert found == "spec.services.standbys.nodePort: got 30000; must not be that of primary"


@pytest.mark.parametrize(
    "name", ["DB.example.com", "a b", "*", "*.*.a", "a..b", "-a", "10.0.0.1/8", "fe80::1%1"]
)
def test_a_name_that_no_certificate_is_for_is_refused(name: str) -> None:
    (found,) = refused(tls={"names": ["db.example.com", name]})
    assert found.startswith(f'spec.tls.names[1]: got "{name}"; must be an address, or a host name')


def test_names_and_addresses_are_in_the_certificate_besides_the_clusters_own() -> None:
    given = ["db.example.com", "*.db.example.com", "192.0.2.1", "2001:db8::1"]
    assert refused(tls={"names": given}) == []
    usual = server_names(typed_database(), "cluster.local")
    assert server_names(typed_database(tls={"names": given}), "cluster.local") == (*usual, *given)


def test_a_load_balancer_for_everybody_is_asked_about() -> None:
    words = "spec.services.primary: without sourceRanges, whoever reaches the load balancer may try"
    assert words in warned(services={"primary": {"type": "LoadBalancer"}})
    assert words not in warned(services={"primary": BALANCED})


def test_every_choice_reaches_its_service_and_no_other() -> None:
    chosen = {
        **BALANCED,
        "annotations": {"example.com/internal": "true"},
        "loadBalancerClass": "example.com/lb",
        "nodePort": 30000,
        "externalTrafficPolicy": "Local",
    }
    assert refused(services={"primary": chosen}) == []
    usual, exposed = services(typed_database()), services(typed_database(services={"primary": chosen}))
    assert exposed[1:] == usual[1:]
    before, after = usual[0], exposed[0]
    assert after["metadata"] == before["metadata"] | {"annotations": chosen["annotations"]}
    assert after["spec"] == before["spec"] | {
        "type": "LoadBalancer",
        "ports": [before["spec"]["ports"][0] | {"nodePort": 30000}],
        "externalTrafficPolicy": "Local",
        "loadBalancerClass": "example.com/lb",
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ipFamilies": ["IPv6", "IPv6"]}, '.ipFamilies: got ["IPv6","IPv6"]; must name each family once'),
        (
            {"ipFamilies": ["IPv6", "IPv4"]},
            '.ipFamilies: got ["IPv6","IPv4"]; must be one, or ipFamilyPolicy',
        ),
        (
            {"ipFamilies": ["IPv6", "IPv4"], "ipFamilyPolicy": "SingleStack"},
            '.ipFamilies: got ["IPv6","IPv4"]; must be one, or ipFamilyPolicy be PreferDualStack or',
        ),
        ({"ipFamilies": ["ipv6"]}, '.ipFamilies[0]: got "ipv6"; must be IPv4 or IPv6'),
        (
            {"ipFamilyPolicy": "Dual"},
            '.ipFamilyPolicy: got "Dual"; must be PreferDualStack, RequireDualStack',
        ),
    ],
)
def test_families_that_no_service_could_have_are_refused(given: dict[str, Any], words: str) -> None:
    (found,) = refused(services=given)
    assert found.startswith(f"spec.services{words}")


def test_the_first_family_stays_and_another_may_come_and_go() -> None:
    dual = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}
    single = {"ipFamilies": ["IPv6"]}
    for old, new in ((dual, single), (single, dual)):
        assert updated(old, new) == []
    (found,) = updated(single, {"ipFamilies": ["IPv4"]})
    assert found == (
        'spec.services.ipFamilies: got ["IPv4"]; must begin with IPv6: Services keep their first address'
    )


def updated(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = (complete_database(services=each) for each in (old, new))
    return [str(each) for each in admit(after, before, policy=POLICY, now=NOW).violations]


def test_every_service_of_a_database_has_the_families_that_are_asked_for() -> None:
    dual = {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]}
    db = typed_database(services=dual | {"primary": {"type": "LoadBalancer"}})
    source, _ = server(db, "image", "claim")
    for each in (*services(db), service(db), source):
        assert {key: each["spec"][key] for key in dual} == dual, each["metadata"]["name"]
    assert not any("ipFamilies" in each["spec"] for each in services(typed_database()))
