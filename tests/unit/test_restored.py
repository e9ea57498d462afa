from __future__ import annotations

from typing import Any

import pytest

from controller.desired import names
from controller.observe.state import ObservedState
from controller.plan.actions import Apply
from controller.report.restored import restored
from tests.factory import typed_database
from tests.states import claim

ALL = names.secrets("orders")
COPY = "the copy of orders-keys, keys.shop.orders"


def told(*lost: str, copy: bool = False, absent: bool = True, others: str = "") -> str:
    watch = {"metadata": {"annotations": {"keddah.dev/other-secrets": others}}}
    children: dict[str, dict[str, Any]] = {
        "Secret": {"keys.shop.orders": {}} if copy else {},
        "ConfigMap": {"orders-secrets-watch": watch},
    }
    around = ObservedState(claims=(claim(0),), children=children)
    writes = [
        Apply({"kind": "Secret", "metadata": {"name": name}}, "missing", absent=absent) for name in lost
    ]
    return restored(typed_database(), around, writes)


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (
            told("orders-app", copy=True),
            "orders-app was missing, and written again from orders-keys",
        ),
        (
            told("orders-app", "orders-keys", copy=True),
            f"orders-keys, orders-app were missing, and written again from {COPY}",
        ),
        (
            told("orders-keys"),
            "orders-keys was missing, and written again from what the other Secrets say",
        ),
        (told(*ALL), f"{', '.join(ALL)} were missing, and written again from new keys"),
        (
            told("orders-role-analyst", others="orders-repository-tls,orders-role-analyst"),
            "orders-role-analyst was missing, and written again from orders-keys",
        ),
        (
            told("orders-keys", "orders-role-a", others="orders-role-a"),
            "orders-keys, orders-role-a were missing, and written again from what the other Secrets say",
        ),
    ],
)
def test_what_is_written_again_is_told_with_its_source(words: str, source: str) -> None:
    assert words == source


def test_what_was_edited_or_is_only_the_copy_was_not_lost() -> None:
    assert told("orders-app", absent=False) == ""
    assert told("keys.shop.orders") == ""


def test_the_secret_of_a_new_role_was_not_lost() -> None:
    assert told("orders-role-analyst", others="orders-role-reader") == ""
