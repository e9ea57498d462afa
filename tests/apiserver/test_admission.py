"""Admission as the API server carries it out: defaults, warnings, ratchet, deletion, scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import admission, factory
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kubectl import Kubectl
    from tests.rest import Answer, Rest
    from tests.webhook_process import WebhookProcess

pytestmark = pytest.mark.usefixtures("webhooks")

KIND = "PostgreSQLDatabase"
FINALIZER = "keddah.dev/deletion"


def made(rest: Rest, namespace: str, /, name: str = "orders", **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    return rest.create(factory.database(name, namespace, **spec)).expect()


def changed(rest: Rest, namespace: str, /, *, dry: bool = True, **spec: Any) -> Answer:  # noqa: ANN401
    query = {"dryRun": "All"} if dry else {}
    return rest.merge(KIND, namespace, "orders", {"spec": spec}, **query)


@pytest.fixture
def policy(
    webhooks: WebhookProcess, rest: Rest, shared_namespace: str
) -> Iterator[Callable[[str, str], None]]:
    """Give a way to replace words in the policy, which is in force on return; undone at the end."""

    def put(text: str) -> None:
        before = webhooks.policy.read_text()
        webhooks.policy.write_text(text)
        until(lambda: before == text or in_force(text))

    def in_force(text: str) -> bool:
        answer = rest.create(factory.database("probe", shared_namespace, replicas=1000), dryRun="All")
        bound = f"to {text.partition('maximum: ')[2].partition(',')[0]}"
        return bound in answer.message

    def replace(old: str, new: str) -> None:
        # The bound changes with every replacement, so that one can see which policy is in force.
        put(factory.POLICY.replace(old, new).replace("maximum: 9", "maximum: 8"))

    yield replace
    put(factory.POLICY)


def test_a_three_line_manifest_is_completed(rest: Rest, namespace: str) -> None:
    spec = made(rest, namespace)["spec"]
    assert spec["version"] == "17"
    assert spec["replicas"] == 1
    assert spec["storage"] == {"size": "10Gi"}
    assert spec["resources"] == {"requests": {"cpu": "100m", "memory": "256Mi"}}
    minute, hour, *days = spec["backupSchedule"].split()
    assert (0 <= int(minute) < 60, 0 <= int(hour) < 6, days) == (True, True, ["*", "*", "*"])
    assert (spec["database"], spec["owner"], spec["synchronous"]) == ("app", "app", "Quorum")


def test_verification_is_completed_to_a_day_of_the_week(rest: Rest, namespace: str) -> None:
    backup = made(rest, namespace, backup={"suspended": True})["spec"]["backup"]
    minute, hour, *days, weekday = backup.pop("verify")["schedule"].split()
    assert (0 <= int(minute) < 60, 0 <= int(hour) < 6, days) == (True, True, ["*", "*"])
    assert weekday in set("0123456")
    assert backup == {
        "timeZone": "UTC",
        "suspended": True,
        "fullEvery": "7d",
        "retention": {"days": 14},
        "finalBackup": False,
    }
    rest.delete(KIND, namespace, "orders")
    assert made(rest, namespace, backup={"verify": {"schedule": ""}})["spec"]["backup"]["verify"] == {
        "schedule": ""
    }


def test_a_request_by_annotation_is_judged_though_the_spec_stays(rest: Rest, namespace: str) -> None:
    made(rest, namespace)

    def asked(**requests: str) -> Answer:
        annotations = {f"keddah.dev/{name.replace('_', '-')}": value for name, value in requests.items()}
        return rest.merge(KIND, namespace, "orders", {"metadata": {"annotations": annotations}}, dryRun="All")

    assert asked(backup_now="before-release").accepted
    refused = asked(backup_now="a b", verify_now="", restore_to="2999-01-01T00:00:00Z")
    assert refused.status == 422
    assert {path: message.partition(";")[0] for path, message in refused.causes.items()} == {
        'metadata.annotations["keddah.dev/backup-now"]': 'got "a b"',
        'metadata.annotations["keddah.dev/verify-now"]': 'got ""',
        'metadata.annotations["keddah.dev/restore-to"]': 'got "2999-01-01T00:00:00Z"',
    }
    past = "2026-11-22T10:00:00Z"
    restored = asked(restore_to=past)
    assert restored.accepted
    assert restored.warnings == (
        f"restore-to {past}: stops, and loses all changes since; the present volumes stay",
    )
    changed(rest, namespace, dry=False, deletionProtection=True).expect()
    assert "spec.deletionProtection is true" in asked(restore_to=past).message


def test_a_repository_that_holds_backups_stays(rest: Rest, namespace: str) -> None:
    made(rest, namespace)
    elsewhere = {"repository": {"s3": {"bucket": "backups", "endpoint": "s3.example.com"}}}
    assert changed(rest, namespace, backup=elsewhere).accepted
    rest.merge(KIND, namespace, "orders", {"status": {"backups": {"count": 1}}}, "status").expect()
    refused = changed(rest, namespace, backup=elsewhere)
    assert refused.causes == {
        "spec.backup.repository": (
            'got "s3"; cannot change from "volume" while the repository holds 1 backup'
        )
    }


def test_what_is_given_is_not_completed_over(rest: Rest, namespace: str) -> None:
    given: dict[str, Any] = {
        "version": "17.5",
        "replicas": 2,
        "backupSchedule": "",
        "storage": {"size": "1Gi", "storageClassName": "fast"},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
        "synchronous": "Off",
    }
    spec = made(rest, namespace, **given)["spec"]
    assert {name: spec[name] for name in given} == given


def test_applying_the_stored_object_again_changes_nothing(rest: Rest, namespace: str) -> None:
    # The first update stores the status that the schema gives to an object of which nothing was said yet.
    stored = rest.replace(made(rest, namespace)).expect()
    again = rest.replace(stored).expect()
    assert again["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


def test_fields_left_out_of_an_apply_keep_what_was_stored(
    rest: Rest, namespace: str, policy: Callable[[str, str], None]
) -> None:
    rest.apply(factory.submitted("orders", namespace)).expect()
    policy('defaultVersion: "17"', 'defaultVersion: "18"')
    spec = rest.apply(factory.submitted("orders", namespace, replicas=2)).expect()["spec"]
    assert (spec["version"], spec["replicas"]) == ("17", 2)
    assert made(rest, namespace, "fresh")["spec"]["version"] == "18"


def test_kubectl_shows_warnings(kubectl: Kubectl, rest: Rest, namespace: str) -> None:
    del rest
    text = f"apiVersion: keddah.dev/v1alpha1\nkind: {KIND}\nmetadata: {{name: orders}}\n"
    output = kubectl("apply", "-n", namespace, "-f", "-", stdin=f'{text}spec: {{version: "16"}}\n')
    assert output.code == 0
    assert "Warning: spec.version: 16.10 is deprecated in this cluster, move to a newer one" in output.err
    assert "Warning: spec.replicas: 1 means no high availability" in output.err


def test_a_dry_run_is_a_plan(rest: Rest, namespace: str) -> None:
    made(rest, namespace, replicas=3)
    plans: list[tuple[dict[str, Any], str]] = [
        ({"replicas": 1}, "replicas 3 -> 1: orders-1 and orders-2 go, their volumes stay"),
        (
            {"parameters": {"shared_buffers": "256MB"}},
            "parameters.shared_buffers: rolling restart, then a switchover",
        ),
        ({"parameters": {"work_mem": "8MB"}}, "parameters.work_mem: reload, no restart"),
        (
            {"databases": [{"name": "app", "extensions": ["pg_stat_statements", "vector"]}]},
            "databases: pg_stat_statements preloaded: rolling restart, then a switchover",
        ),
        ({"version": "17.6"}, ""),
        ({"hba": ["host all all 10.0.0.0/8 scram-sha-256"]}, "hba: reload, no restart"),
        ({"hibernated": True}, "hibernated: all pods go, their volumes stay"),
        (
            {"storage": {"size": "20Gi"}},
            "storage.size 10Gi -> 20Gi: volumes grow and can never shrink again",
        ),
        ({"resources": {"requests": {"cpu": "1"}}}, "resources: rolling restart, then a switchover"),
        (
            {"deletionPolicy": "Delete"},
            "deletionPolicy Retain -> Delete: deleting this object deletes its data and backups",
        ),
    ]
    for change, warning in plans:
        answer = changed(rest, namespace, **change)
        assert answer.accepted, answer
        assert warning == "" or warning in answer.warnings, change
        assert all(len(line) < 120 for line in answer.warnings)
    stored = rest.get(KIND, namespace, "orders")
    assert stored is not None
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("change", "path", "told"),
    [
        ({"version": "16"}, "spec.version", 'got "16"; cannot go down from "17.6"'),
        ({"version": "17.5"}, "spec.version", 'got "17.5"; is older than the 17.6'),
        ({"version": "18"}, "spec.version", "not supported yet"),
        ({"storage": {"size": "5Gi"}}, "spec.storage.size", 'got "5Gi"; cannot be less than "10Gi"'),
        (
            {"storage": {"storageClassName": "slow"}},
            "spec.storage.storageClassName",
            'cannot change from "fast"',
        ),
        ({"database": "sales"}, "spec.database", 'got "sales"; cannot change from "app"'),
        ({"owner": "sales"}, "spec.owner", 'got "sales"; cannot change from "app"'),
        ({"replicas": 0}, "spec.replicas", "must be from 1 to"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_change_that_cannot_be_made_is_refused(
    rest: Rest, namespace: str, change: dict[str, Any], path: str, told: str
) -> None:
    made(rest, namespace, version="17.6", storage={"storageClassName": "fast"})
    answer = changed(rest, namespace, **change)
    assert answer.status == 422
    assert told in answer.causes[path]
    assert list(answer.causes) == [path]


def test_all_mistakes_of_a_change_are_named_at_once(rest: Rest, namespace: str) -> None:
    made(rest, namespace)
    change: dict[str, Any] = {
        "version": "16",
        "storage": {"size": "5Gi"},
        "database": "sales",
        "replicas": "two",
    }
    answer = changed(rest, namespace, **change)
    assert set(answer.causes) == {"spec.version", "spec.storage.size", "spec.database", "spec.replicas"}


def test_a_stricter_policy_leaves_what_it_once_accepted_updatable(
    rest: Rest, namespace: str, policy: Callable[[str, str], None]
) -> None:
    made(rest, namespace, replicas=5)
    policy("maximum: 9", "maximum: 3")
    assert changed(rest, namespace, dry=False, parameters={"work_mem": "8MB"}).accepted
    refused = changed(rest, namespace, replicas=6)
    assert "must be from 1 to 3" in refused.causes["spec.replicas"]
    assert changed(rest, namespace, replicas=3).accepted


def test_what_got_past_a_missing_webhook_can_be_changed_elsewhere(
    rest: Rest, new_namespace: Callable[..., str]
) -> None:
    namespace = new_namespace(**{admission.UNGUARDED: "true"})
    rest.create(factory.database("orders", namespace, replicas=50, parameters={"no_such": "1"})).expect()
    rest.merge("Namespace", None, namespace, {"metadata": {"labels": {admission.UNGUARDED: None}}}).expect()
    until(lambda: "mutate.keddah.dev" in changed(rest, namespace, replicas=51).message)
    assert changed(rest, namespace, dry=False, synchronous="Off").accepted
    assert list(changed(rest, namespace, parameters={"no_such": "1", "nor_this": "2"}).causes) == [
        "spec.parameters.nor_this"
    ]


def test_an_object_on_its_way_out_is_not_judged(
    rest: Rest, namespace: str, policy: Callable[[str, str], None]
) -> None:
    manifest = factory.database("orders", namespace, replicas=5)
    manifest["metadata"]["finalizers"] = [FINALIZER, "example.com/other"]
    rest.create(manifest).expect()
    rest.delete(KIND, namespace, "orders").expect()
    policy("maximum: 9", "maximum: 3")
    bad = {"metadata": {"finalizers": [FINALIZER]}, "spec": {"replicas": 500, "version": "99"}}
    assert rest.merge(KIND, namespace, "orders", bad).accepted
    rest.merge(KIND, namespace, "orders", {"metadata": {"finalizers": None}}).expect()
    assert rest.get(KIND, namespace, "orders") is None


def test_a_protected_database_is_not_deleted_until_it_is_told_to(
    kubectl: Kubectl, rest: Rest, namespace: str
) -> None:
    made(rest, namespace, deletionProtection=True)
    output = kubectl("delete", "pgdb", "orders", "-n", namespace)
    assert output.code == 1
    assert "spec.deletionProtection: got true; set it to false, then delete" in output.err
    assert f"kubectl patch pgdb orders -n {namespace}" in output.err
    advice = output.err.partition("kubectl ")[2].strip().replace("'", "").split()
    kubectl.good(*advice)
    kubectl.good("delete", "pgdb", "orders", "-n", namespace)


def test_what_is_deleted_right_after_its_policy_was_changed_is_held(rest: Rest, namespace: str) -> None:
    made(rest, namespace)
    changed(rest, namespace, dry=False, deletionPolicy="Delete").expect()
    rest.delete(KIND, namespace, "orders").expect()
    held = rest.get(KIND, namespace, "orders")
    assert held is not None
    assert held["metadata"]["finalizers"] == [FINALIZER]


def test_what_sleeps_is_not_deleted_where_a_last_backup_is_asked_for(
    kubectl: Kubectl, rest: Rest, namespace: str
) -> None:
    wish: dict[str, Any] = {"deletionPolicy": "Delete", "backup": {"finalBackup": True}, "hibernated": True}
    made(rest, namespace, **wish)
    output = kubectl("delete", "pgdb", "orders", "-n", namespace)
    assert output.code == 1
    assert "spec.hibernated: got true, and backup.finalBackup asks for a last backup" in output.err
    rest.merge(KIND, namespace, "orders", {"spec": {"hibernated": False}}).expect()
    rest.delete(KIND, namespace, "orders").expect()


def test_deleting_all_of_a_namespace_spares_what_is_protected(rest: Rest, namespace: str) -> None:
    made(rest, namespace, "orders", deletionProtection=True)
    made(rest, namespace, "ledger")
    refused = rest.send("DELETE", f"/apis/keddah.dev/v1alpha1/namespaces/{namespace}/postgresqldatabases")
    # The request names none of them, and the advice does.
    assert f"kubectl patch pgdb orders -n {namespace} --type merge" in refused.message
    assert rest.get(KIND, namespace, "orders") is not None
    rest.delete(KIND, namespace, "ledger")
    again = rest.send("DELETE", f"/apis/keddah.dev/v1alpha1/namespaces/{namespace}/postgresqldatabases")
    assert "kubectl patch pgdb orders" in again.message
    rest.merge(KIND, namespace, "orders", {"spec": {"deletionProtection": False}}).expect()
    rest.send("DELETE", f"/apis/keddah.dev/v1alpha1/namespaces/{namespace}/postgresqldatabases").expect()
    assert rest.get(KIND, namespace, "orders") is None


@pytest.mark.parametrize("wanted", ["10", "1000"])
def test_scaling_keeps_to_the_bounds(kubectl: Kubectl, rest: Rest, namespace: str, wanted: str) -> None:
    made(rest, namespace, replicas=3)
    output = kubectl("scale", "pgdb", "orders", f"--replicas={wanted}", "-n", namespace)
    assert output.code == 1
    assert f"spec.replicas: got {wanted}; must be from 1 to 9" in " ".join(output.err.split())


def test_scaling_to_nothing_is_refused(kubectl: Kubectl, rest: Rest, namespace: str) -> None:
    made(rest, namespace, replicas=3)
    output = kubectl("scale", "pgdb", "orders", "--replicas=0", "-n", namespace)
    assert output.code == 1
    assert "spec.replicas" in output.err
    assert "greater than or equal to 1" in output.err


def test_scaling_within_the_bounds_tells_what_it_does(kubectl: Kubectl, rest: Rest, namespace: str) -> None:
    made(rest, namespace, replicas=3)
    output = kubectl("scale", "pgdb", "orders", "--replicas=1", "-n", namespace)
    assert output.code == 0
    assert "Warning: replicas 3 -> 1: orders-1 and orders-2 go, their volumes stay" in output.err


def test_the_status_can_be_written_whatever_the_spec_is(
    rest: Rest, namespace: str, policy: Callable[[str, str], None]
) -> None:
    made(rest, namespace, replicas=5)
    policy("maximum: 9", "maximum: 3")
    assert rest.merge(KIND, namespace, "orders", {"status": {"ready": "5/5"}}, "status").accepted


def test_with_the_webhooks_away_applies_fail_clearly_and_labels_and_deletions_pass(
    rest: Rest, webhooks: WebhookProcess, namespace: str, shared_namespace: str
) -> None:
    made(rest, namespace)
    for configuration in admission.configurations(webhooks):
        rest.apply(admission.moved(configuration, port=1)).expect()
    until(lambda: rest.create(factory.database("x", shared_namespace), dryRun="All").status == 500)
    answer = changed(rest, namespace, replicas=2)
    assert answer.status == 500
    assert 'failed calling webhook "mutate.keddah.dev"' in answer.message
    # It may be a request.
    asked = {"metadata": {"annotations": {"keddah.dev/backup-now": "one"}}}
    assert rest.merge(KIND, namespace, "orders", asked).status == 500
    assert rest.merge(KIND, namespace, "orders", {"metadata": {"labels": {"team": "data"}}}).accepted
    assert rest.delete(KIND, namespace, "orders").accepted
    admission.register(rest, webhooks)
