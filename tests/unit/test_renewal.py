from __future__ import annotations

import base64
from typing import Any

from controller.plan.actions import Reload
from controller.plan.credentials import reloads
from tests.states import members, observed

REASON = "it uses an older certificate than the one in its Secret"


def secret(pem: str) -> dict[str, Any]:
    return {"Secret": {"orders-tls": {"data": {"tls.crt": base64.b64encode(pem.encode()).decode()}}}}


def test_a_member_with_an_older_certificate_is_told_to_reload() -> None:
    served = {"orders-0": "NEW\n", "orders-1": "OLD\n"}
    around = observed(members(2), children=secret("NEW"), certificates=served)
    assert reloads(around, "orders") == [Reload("orders-1", "192.0.2.2", REASON)]


def test_a_member_that_was_not_asked_is_left_alone() -> None:
    assert reloads(observed(members(2), children=secret("NEW")), "orders") == []


def test_without_the_secret_nobody_is_told_anything() -> None:
    assert reloads(observed(members(1), certificates={"orders-0": "OLD"}), "orders") == []
