from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from deploy.local.addresses import MAX_CLUSTERS, MAX_NODES, AddressPlan, free_index


def test_two_clusters_share_no_address() -> None:
    networks = [
        network
        for plan in map(AddressPlan, range(MAX_CLUSTERS))
        for network in (plan.nodes, plan.pods, plan.services)
    ]
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


def test_every_address_of_a_cluster_is_in_its_networks_and_told_from_the_others() -> None:
    plan = AddressPlan(MAX_CLUSTERS - 1)
    addresses = [plan.control_plane, plan.host, plan.host_gateway, *map(plan.node, range(1, MAX_NODES + 1))]
    assert len(set(addresses)) == len(addresses)
    assert all(address in plan.nodes for address in addresses)


def test_the_link_to_the_host_is_outside_the_segment_of_the_nodes() -> None:
    plan = AddressPlan(0)
    assert plan.host not in plan.segment
    assert plan.host_gateway not in plan.segment
    assert plan.node(MAX_NODES) in plan.segment


def test_pods_of_two_nodes_have_ranges_of_their_own() -> None:
    plan = AddressPlan(3)
    ranges = [plan.pod_range(number) for number in range(1, MAX_NODES + 1)]
    assert all(one.subnet_of(plan.pods) for one in ranges)
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


def test_interface_names_fit_the_kernel() -> None:
    assert all(len(AddressPlan(index).host_interface) <= 15 for index in range(MAX_CLUSTERS))


def test_the_lowest_free_index_is_taken() -> None:
    assert free_index([0, 2], []) == 1


def test_an_index_whose_addresses_the_host_routes_elsewhere_is_passed_over() -> None:
    assert free_index([], [IPv4Network("0.0.0.0/0"), IPv4Network("10.65.7.0/24")]) == 1


def test_no_free_index_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(LookupError, match="take one down"):
        free_index(range(MAX_CLUSTERS), [])
