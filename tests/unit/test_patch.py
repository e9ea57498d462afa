"""JSON Patch by RFC 6902, as far as it is used."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.policy import patch


def test_a_pointer_is_escaped_and_read_back() -> None:
    operation = patch.add(("spec", "a/b~c"), 1)
    assert operation == {"op": "add", "path": "/spec/a~1b~0c", "value": 1}
    assert patch.apply({"spec": {}}, [operation]) == {"spec": {"a/b~c": 1}}


def test_tilde_one_is_no_slash_when_escaped() -> None:
    assert patch.apply({}, [patch.add(("~1",), 1)]) == {"~1": 1}


def test_adding_replaces_a_member_that_is_there() -> None:
    assert patch.apply({"spec": None}, [patch.add(("spec",), {})]) == {"spec": {}}


def test_the_given_object_stays_as_it_is() -> None:
    manifest: dict[str, Any] = {"spec": {"storage": {}}}
    patch.apply(manifest, [patch.add(("spec", "storage", "size"), "1Gi"), patch.add(("spec", "x"), 1)])
    assert manifest == {"spec": {"storage": {}}}


@pytest.mark.parametrize("manifest", [{}, {"spec": None}, {"spec": []}, {"spec": "x"}])
def test_a_parent_that_is_no_object_is_an_error(manifest: dict[str, Any]) -> None:
    with pytest.raises(patch.PatchError, match="the parent spec is not an object"):
        patch.apply(manifest, [patch.add(("spec", "version"), "17")])


def test_other_operations_are_an_error() -> None:
    with pytest.raises(patch.PatchError, match="no operation but add"):
        patch.apply({}, [{"op": "remove", "path": "/spec"}])
