"""Whatever JSON a user writes, a hook decides: it never fails, and what it completes stays the user's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.api.types import Spec
from schemas.policy import patch
from tests import factory, reviews
from webhooks.answer import Allowed, Denied, encode
from webhooks.review import Hook, decode, respond

NOW = datetime(2026, 11, 23, tzinfo=UTC)
POLICY = factory.policy()

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["17", "17.6", "10Gi", "-5Gi", "1e999999999", "* * * * *", "0 0 30 2 *", "TZ=a b", "Off"]
    ),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [field.encode_name for field in msgspec.structs.fields(Spec)]
SPECS = st.one_of(
    JSON,
    st.dictionaries(st.sampled_from([*NAMES, "unknown"]), JSON, max_size=4),
    st.fixed_dictionaries({}, optional={"parameters": st.dictionaries(st.text(), st.text(), max_size=3)}),
    st.fixed_dictionaries({"hba": st.lists(st.text(max_size=40), max_size=3)}),
)


def decided(review: dict[str, Any], hook: Hook) -> Allowed | Denied:
    request = decode(msgspec.json.encode(review))
    answer = respond(request, hook, policy=POLICY, now=NOW)
    assert encode(request.uid, answer)
    return answer


def written(spec: Any, metadata: Any = None) -> dict[str, Any]:  # noqa: ANN401
    manifest = factory.database()
    return {**manifest, "spec": spec, "metadata": {**manifest["metadata"], **(metadata or {})}}


@settings(max_examples=25)
@given(SPECS)
def test_a_creation_is_decided(spec: Any) -> None:  # noqa: ANN401
    manifest = written(spec)
    for hook in ("mutate", "validate"):
        answer = decided(reviews.creation(manifest), hook)
        if isinstance(answer, Denied):
            assert answer.fields
            assert "\n" not in "".join(answer.fields)
        else:
            assert all(len(warning) < 120 for warning in answer.warnings)


@settings(max_examples=25)
@given(SPECS, SPECS)
def test_an_update_is_decided(new: Any, old: Any) -> None:  # noqa: ANN401
    for hook in ("mutate", "validate"):
        decided(reviews.update(written(new), written(old)), hook)
        decided(reviews.update(written(new), factory.complete_database()), hook)


@settings(max_examples=25)
@given(JSON, JSON)
def test_metadata_and_scales_of_any_shape_are_decided(metadata: Any, spec: Any) -> None:  # noqa: ANN401
    decided(
        reviews.review("CREATE", None, None, object={**factory.database(), "metadata": metadata}, name="a"),
        "mutate",
    )
    decided(
        reviews.review(
            "DELETE", None, None, oldObject={**factory.database(), "metadata": metadata, "spec": spec}
        ),
        "validate",
    )
    scale = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "a"}, "spec": spec}
    decided(reviews.update(scale, scale, subResource="scale", name="a"), "validate")
    decided(
        reviews.update({**scale, "spec": {"replicas": 3}}, scale, subResource="scale", name="a"), "validate"
    )


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(["unknown", "hba", "database", "resources", "storage"]), JSON))
def test_completing_only_adds_and_does_it_once(spec: dict[str, Any]) -> None:
    manifest = written(spec)
    answer = decided(reviews.creation(manifest), "mutate")
    if isinstance(answer, Denied):
        return
    whole = patch.apply(manifest, answer.patch)
    again = decided(reviews.creation(whole), "mutate")
    assert again == Allowed()
    for name, value in spec.items():
        if value is not None and not isinstance(value, dict):
            assert whole["spec"][name] == value
