from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schemas.policy import patch
from tests import factory, reviews
from webhooks.answer import Allowed, Denied
from webhooks.review import Hook, MalformedError, decode, respond

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def decided(review: dict[str, Any], hook: Hook = "validate") -> Allowed | Denied:
    request = decode(msgspec.json.encode(review))
    return respond(request, hook, policy=factory.policy(), now=NOW)


def completed(manifest: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = decided(reviews.creation(manifest) if old is None else reviews.update(manifest, old), "mutate")
    assert isinstance(answer, Allowed)
    return patch.apply(manifest, answer.patch)


def causes(answer: Allowed | Denied) -> list[str]:
    assert isinstance(answer, Denied)
    return list(answer.fields)


def test_an_empty_spec_is_completed_and_then_valid() -> None:
    whole = completed(factory.database())
    assert whole["spec"]["version"] == "17"
    assert isinstance(decided(reviews.creation(whole)), Allowed)


def test_a_missing_spec_is_completed() -> None:
    manifest = factory.database()
    del manifest["spec"]
    assert completed(manifest)["spec"]["replicas"] == 1


def test_completing_twice_is_completing_once() -> None:
    once = completed(factory.database(replicas=3))
    assert completed(once) == once


def test_a_complete_object_gets_no_patch() -> None:
    answer = decided(reviews.creation(factory.complete_database()), "mutate")
    assert answer == Allowed()


def test_unknown_fields_survive() -> None:
    manifest = factory.database(futureField={"deep": [1, 2]})
    manifest["other"] = True
    whole = completed(manifest)
    assert whole["spec"]["futureField"] == {"deep": [1, 2]}
    assert whole["other"] is True


def test_mutate_denies_with_every_mistake_at_once() -> None:
    wrong = factory.database(replicas="3", version="latest", backupSchedule="61 * * * *")
    assert set(causes(decided(reviews.creation(wrong), "mutate"))) == {
        "spec.replicas",
        "spec.version",
        "spec.backupSchedule",
    }


def test_mutate_gives_no_warnings_and_validate_does() -> None:
    review = reviews.creation(factory.complete_database(version="16.10"))
    mutated, validated = decided(review, "mutate"), decided(review)
    assert isinstance(mutated, Allowed)
    assert isinstance(validated, Allowed)
    assert not mutated.warnings
    assert any("16" in warning for warning in validated.warnings)
    assert all(len(warning) < 120 for warning in validated.warnings)


def test_a_spec_of_another_shape_is_denied_not_failed() -> None:
    shapes: tuple[Any, ...] = (None, [], "none", 7, {"storage": []}, {"parameters": {"a\nb": 1}})
    for spec in shapes:
        manifest = {**factory.database(), "spec": spec}
        for hook in ("mutate", "validate"):
            decided(reviews.creation(manifest), hook)
    assert causes(decided(reviews.creation({**factory.database(), "spec": []}), "mutate")) == ["spec"]


def test_a_stored_object_may_keep_what_is_now_refused() -> None:
    old = factory.complete_database(replicas=50)
    new = factory.complete_database(replicas=50, hibernated=True)
    assert isinstance(decided(reviews.update(new, old)), Allowed)
    assert isinstance(decided(reviews.update(new, old), "mutate"), Allowed)


def test_an_object_on_its_way_out_may_lose_its_finalizer() -> None:
    old = factory.database(replicas=50)
    old["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    new = {**old, "spec": {"replicas": -1}}
    assert decided(reviews.update(new, old)) == Allowed()
    assert decided(reviews.update(new, old), "mutate") == Allowed()


def test_a_protected_object_is_not_deleted_and_the_way_out_is_told() -> None:
    answer = decided(reviews.deletion(factory.complete_database(deletionProtection=True)))
    assert isinstance(answer, Denied)
    assert (answer.status.code, answer.status.reason) == (403, "Forbidden")
    assert causes(answer) == ["spec.deletionProtection"]
    assert "kubectl patch pgdb orders -n shop" in answer.status.message


def test_all_of_a_namespace_are_deleted_without_a_name_in_the_request() -> None:
    answer = decided(reviews.deletion(factory.complete_database(deletionProtection=True), name=""))
    assert isinstance(answer, Denied)
    assert "kubectl patch pgdb orders -n shop" in answer.status.message


LAST_BACKUP = {"deletionPolicy": "Delete", "backup": {"finalBackup": True}, "hibernated": True}


def test_an_object_is_held_as_soon_as_its_data_is_to_go_with_it() -> None:
    """A deletion right after the change would find it without its finalizer, and keep everything."""
    kept, goes = factory.complete_database(), factory.complete_database(deletionPolicy="Delete")
    goes["metadata"] = {**goes["metadata"], "finalizers": ["theirs"]}
    answer = decided(reviews.update(goes, kept), "mutate")
    assert isinstance(answer, Allowed)
    finalizers = ["theirs", "keddah.dev/deletion"]
    assert answer.patch == ({"op": "add", "path": "/metadata/finalizers", "value": finalizers},)
    held = {**goes, "metadata": {**goes["metadata"], "finalizers": finalizers}}
    for new, old in ((held, kept), (goes, goes), (kept, goes)):
        assert decided(reviews.update(new, old), "mutate") == Allowed()
    # A new object has taken up nothing yet.
    assert decided(reviews.creation(goes), "mutate") == Allowed()


def test_what_sleeps_is_not_deleted_where_a_last_backup_is_asked_for() -> None:
    answer = decided(reviews.deletion(factory.complete_database(**LAST_BACKUP)))
    assert isinstance(answer, Denied)
    assert causes(answer) == ["spec.hibernated"]
    for way_out in ('{"spec":{"hibernated":false}}', '{"spec":{"backup":{"finalBackup":false}}}'):
        assert f"kubectl patch pgdb orders -n shop --type merge -p '{way_out}'" in answer.status.message


@pytest.mark.parametrize(
    "change", [{"hibernated": False}, {"backup": {"finalBackup": False}}, {"deletionPolicy": "Retain"}]
)
def test_without_any_of_it_it_is_deleted(change: dict[str, Any]) -> None:
    assert decided(reviews.deletion(factory.complete_database(**{**LAST_BACKUP, **change}))) == Allowed()


@pytest.mark.parametrize("spec", [{}, {"deletionProtection": True}])
def test_an_object_of_any_shape_can_be_asked_to_go(spec: dict[str, Any]) -> None:
    shaped = {"metadata": [None], "spec": spec}
    decided(reviews.deletion(factory.database(), name="", oldObject=shaped))


def test_an_unprotected_object_is_deleted() -> None:
    assert decided(reviews.deletion(factory.complete_database())) == Allowed()
    assert decided(reviews.deletion(factory.complete_database()), "mutate") == Allowed()


def test_a_protected_object_that_is_being_deleted_already_is_let_go() -> None:
    old = factory.complete_database(deletionProtection=True)
    old["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    assert decided(reviews.deletion(old)) == Allowed()


def test_scaling_within_the_policy_is_allowed_and_told() -> None:
    answer = decided(reviews.scaling("orders", 1, 3))
    assert isinstance(answer, Allowed)
    assert any("orders-1 and orders-2" in warning for warning in answer.warnings)


@pytest.mark.parametrize("wanted", [0, 10])
def test_scaling_beyond_the_policy_is_denied(wanted: int) -> None:
    answer = decided(reviews.scaling("orders", wanted, 3))
    assert causes(answer) == ["spec.replicas"]
    assert isinstance(answer, Denied)
    assert answer.status.details is not None
    assert answer.status.details.name == "orders"


def test_other_subresources_and_operations_pass() -> None:
    wrong = factory.database(replicas=-1)
    for hook in ("mutate", "validate"):
        assert decided(reviews.update(wrong, wrong, subResource="status"), hook) == Allowed()
        assert decided(reviews.review("CONNECT", wrong, None), hook) == Allowed()


def test_dry_run_is_judged_like_any_other() -> None:
    wrong = factory.database(replicas=1000)
    wet, dry = (decided(reviews.creation(wrong, dryRun=value), "mutate") for value in (False, True))
    assert wet == dry


def test_another_version_of_the_object_is_denied_by_name() -> None:
    kind = {"group": "keddah.dev", "version": "v1", "kind": "PostgreSQLDatabase"}
    for hook in ("mutate", "validate"):
        answer = decided(reviews.creation(factory.database(), kind=kind), hook)
        assert isinstance(answer, Denied)
        assert answer.status.message == (
            "got keddah.dev/v1 PostgreSQLDatabase; "
            "this server knows keddah.dev/v1alpha1 PostgreSQLDatabase only"
        )


def test_an_object_that_has_no_name_yet_is_called_by_its_prefix() -> None:
    manifest = factory.database(replicas=1000)
    manifest["metadata"] = {"generateName": "orders-", "namespace": "shop"}
    answer = decided(reviews.creation(manifest, name=""), "mutate")
    assert isinstance(answer, Denied)
    assert answer.status.details is not None
    assert answer.status.details.name == "orders-"


@pytest.mark.parametrize(
    ("review", "said"),
    [
        ({"kind": "AdmissionReview"}, "got '' 'AdmissionReview'"),
        ({"kind": "Pod", "apiVersion": "v1"}, "got 'v1' 'Pod'"),
        ({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}, "no request"),
        (reviews.review("CREATE", None, None), "no request.object"),
        (reviews.review("UPDATE", factory.database(), None), "no request.oldObject"),
        (reviews.review("DELETE", None, None), "no request.oldObject"),
        (reviews.review("EAT", factory.database(), None), "operation"),
        (reviews.creation(factory.database(), object=["a list"]), "object"),
    ],
)
def test_a_malformed_review_is_named(review: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        decode(msgspec.json.encode(review))


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"\xff\xfe", b"[" * 10_000, b'"\xff"'])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError, match="not a review"):
        decode(body)
