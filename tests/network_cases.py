"""Clients of spec.network, right and wrong: for our rules, and for the API server's judgement of the same."""

from __future__ import annotations

from typing import Any

EXISTS = {"key": "team", "operator": "Exists"}

RIGHT: tuple[dict[str, Any], ...] = (
    {"podSelector": {}},
    {"namespaceSelector": {}},
    {"podSelector": {"matchLabels": {"app": "shop", "example.com/tier": ""}}},
    {"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {"matchLabels": {"app": "b"}}},
    {"podSelector": {"matchExpressions": [EXISTS, {"key": "a", "operator": "DoesNotExist"}]}},
    {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", ""]}]}},
    {"podSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}},
    {"podSelector": {"matchExpressions": [{**EXISTS, "values": []}]}},
    {"ipBlock": {"cidr": "10.0.0.0/8"}},
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.0.2.1/32"]}},
    {"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}},
)

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, ": got nothing that is known; must have podSelector, namespaceSelector or ipBlock"),
    (
        {"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}},
        ": got ipBlock and podSelector; ipBlock must be alone",
    ),
    (
        {"podSelector": {"matchLabels": {"a b": "c"}}},
        '.podSelector.matchLabels["a b"]: got "c"; has an invalid key; must be NAME or DOMAIN/NAME',
    ),
    (
        {"namespaceSelector": {"matchLabels": {"team": "a/b"}}},
        '.namespaceSelector.matchLabels.team: got "a/b"; must be at most 63 letters',
    ),
    (
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}},
        '.podSelector.matchExpressions[0].operator: got "Is"; must be DoesNotExist, Exists, In or NotIn',
    ),
    (
        {"podSelector": {"matchExpressions": [{"operator": "Exists"}]}},
        ".podSelector.matchExpressions[0].key: got nothing; must be a string of at most 317 characters",
    ),
    (
        {"podSelector": {"matchExpressions": [{"key": "", "operator": "Exists"}]}},
        '.podSelector.matchExpressions[0].key: got ""; must be NAME or DOMAIN/NAME',
    ),
    (
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
        ".podSelector.matchExpressions[0].values: got []; must have at least 1 item with In",
    ),
    (
        {"podSelector": {"matchExpressions": [{**EXISTS, "values": ["a"]}]}},
        '.podSelector.matchExpressions[0].values: got ["a"]; must be left out with Exists',
    ),
    (
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}]}},
        '.podSelector.matchExpressions[0].values[0]: got "b c"; must be at most 63 letters',
    ),
    ({"ipBlock": {}}, ".ipBlock.cidr: got nothing; must be a string of at most 64 characters"),
    ({"ipBlock": {"cidr": "10.0.0.0"}}, '.ipBlock.cidr: got "10.0.0.0"; must be a range of addresses'),
    ({"ipBlock": {"cidr": "10.0.0.0/33"}}, '.ipBlock.cidr: got "10.0.0.0/33"; must be a range of addresses'),
    ({"ipBlock": {"cidr": "10.0.0.0/"}}, '.ipBlock.cidr: got "10.0.0.0/"; must be a range of addresses'),
    (
        {"ipBlock": {"cidr": "10.0.0.0/255.0.0.0"}},
        '.ipBlock.cidr: got "10.0.0.0/255.0.0.0"; must be a range of addresses',
    ),
    (
        {"ipBlock": {"cidr": "a.example"}},
        '.ipBlock.cidr: got "a.example"; must be a range of addresses',
    ),
    (
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}},
        '.ipBlock.except[0]: got "10.0.0.0/8"; must be within 10.0.0.0/8, and not all of it',
    ),
    (
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.0.2.0/24", "x"]}},
        '.ipBlock.except[0]: got "192.0.2.0/24"; must be within 10.0.0.0/8, and not all of it',
    ),
)
"""What the API server refuses too, with the words of ours from behind the client's path on."""

STRICTER: tuple[str, ...] = ("10.0.0.1/8", "010.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.0/08")
"""Ranges that some API servers take, though they mean another than they say."""
