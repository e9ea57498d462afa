from __future__ import annotations

import base64
import json
from typing import Any

from schemas.verdict import Violation
from webhooks.answer import MOST_CAUSES, Allowed, Answer, encode, forbidden, invalid, unknown


def response(answer: Answer) -> dict[str, Any]:
    review = json.loads(encode("u-1", answer))
    assert (review["apiVersion"], review["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert review["response"]["uid"] == "u-1"
    content: dict[str, Any] = review["response"]
    return content


def test_a_plain_yes_has_nothing_more() -> None:
    assert response(Allowed()) == {"uid": "u-1", "allowed": True}


def test_a_patch_comes_with_its_type_in_base64() -> None:
    operations = ({"op": "add", "path": "/spec/replicas", "value": 1},)
    content = response(Allowed(patch=operations))
    assert content["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(content["patch"])) == list(operations)


def test_warnings_are_told_on_one_line_each() -> None:
    assert response(Allowed(warnings=("a\nb", "c")))["warnings"] == ["a\\nb", "c"]


def test_one_mistake_is_the_message() -> None:
    answer = invalid("PostgreSQLDatabase", "orders", [Violation("spec.replicas", "got 0; from 1 to 9")])
    status = response(answer)["status"]
    assert response(answer)["allowed"] is False
    assert status == {
        "status": "Failure",
        "message": "1 mistake in orders: spec.replicas: got 0; from 1 to 9",
        "reason": "Invalid",
        "code": 422,
        "details": {
            "name": "orders",
            "kind": "PostgreSQLDatabase",
            "group": "keddah.dev",
            "causes": [
                {
                    "field": "spec.replicas",
                    "message": "got 0; from 1 to 9",
                    "reason": "FieldValueInvalid",
                }
            ],
        },
    }


def test_several_mistakes_are_numbered_one_a_line() -> None:
    answer = invalid("PostgreSQLDatabase", "orders", [Violation("spec.a", "x"), Violation("spec.b", "y")])
    assert answer.status.message == "2 mistakes in orders:\n  1. spec.a: x\n  2. spec.b: y"
    assert answer.fields == ("spec.a", "spec.b")


def test_a_key_with_a_newline_stays_on_its_line() -> None:
    answer = invalid("PostgreSQLDatabase", "orders", [Violation("spec.parameters.a\nb", "x\x00")])
    assert answer.status.message == "1 mistake in orders: spec.parameters.a\\nb: x\\x00"


def test_no_refusal_is_endless() -> None:
    answer = invalid("PostgreSQLDatabase", "orders", [Violation(f"spec.hba[{n}]", "x") for n in range(5000)])
    assert answer.status.message.startswith(f"more than {MOST_CAUSES} mistakes in orders:")
    assert answer.status.message.endswith("\n  and more")
    assert len(answer.fields) == MOST_CAUSES


def test_what_is_not_allowed_is_forbidden() -> None:
    answer = forbidden("PostgreSQLDatabase", "orders", "spec.deletionProtection", "got true")
    assert (answer.status.code, answer.status.reason) == (403, "Forbidden")
    assert answer.status.message == "spec.deletionProtection: got true"


def test_an_unknown_kind_has_no_fields() -> None:
    assert unknown("v1 Pod").fields == ()
    assert unknown("v1 Pod").status.code == 400
