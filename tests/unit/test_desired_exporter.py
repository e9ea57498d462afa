"""The exporter beside an instance: what it may, who reaches it, and what a user says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.desired.instances.authentication import host_based_authentication
from controller.desired.instances.pod import pod_template
from controller.desired.instances.policies import network_policy
from controller.kube.objects import Manifest
from controller.observe.instances.manifests import instance
from controller.plan.outcome import Done
from controller.report.finding import Subject
from controller.report.monitoring import MONITORING
from controller.report.transitions import transitions
from controller.watches.predicates import trim
from schemas.admit import admit
from tests import states
from tests.factory import complete_database, policy, typed_database

_NOW = datetime(2026, 12, 1, tzinfo=UTC)
_QUERIES = {"queries": [{"configMap": "jobs"}, {"configMap": "jobs", "key": "more.yaml"}]}


def pod(**monitoring: Any) -> Manifest:  # noqa: ANN401
    spec: Manifest = pod_template(typed_database(monitoring=monitoring), "image")["spec"]
    return spec


def exporter(spec: Manifest) -> Manifest:
    return next(each for each in spec["containers"] if each["name"] == "keddah-exporter")


def metrics_rules(**monitoring: Any) -> list[Manifest]:  # noqa: ANN401
    found = network_policy(typed_database(monitoring=monitoring), operator_namespace="keddah-system")
    return [rule for rule in found["spec"]["ingress"] if rule["ports"][0]["port"] == 8187]


def test_it_is_another_user_who_has_no_token_no_secret_and_can_put_nothing_in_the_servers_place() -> None:
    spec = pod()
    container = exporter(spec)
    assert container["securityContext"]["runAsUser"] == 998
    assert [each["name"] for each in container["env"]] == ["KEDDAH_NAMESPACE", "KEDDAH_DATABASE"]
    writable = [each["name"] for each in container["volumeMounts"] if not each.get("readOnly")]
    assert writable == ["keddah-exporter"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted["no-token"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    volumes = {each["name"]: each for each in spec["volumes"]}
    secrets = [volumes[name]["secret"] for name in mounted if "secret" in volumes.get(name, {})]
    keys = [item["key"] for secret in secrets for item in secret["items"]]
    assert keys == ["tls.crt", "server.crt"]


def test_its_role_is_opened_by_the_socket_alone() -> None:
    lines = host_based_authentication(typed_database(hba=["host all all 0.0.0.0/0 trust"]))
    assert lines.index("local all keddah_exporter peer") < lines.index("host all all 0.0.0.0/0 trust")
    rejected = next(line for line in lines if line.endswith("reject"))
    assert "keddah_exporter" in rejected.split()[2].split(",")
    assert lines.index(rejected) < lines.index("host all all 0.0.0.0/0 trust")


def test_prometheus_reads_it_unless_others_are_named() -> None:
    (rule,) = metrics_rules()
    labels = {"app.kubernetes.io/name": "prometheus"}
    assert rule["from"] == [{"namespaceSelector": {}, "podSelector": {"matchLabels": labels}}]
    theirs = [{"podSelector": {"matchLabels": {"app": "agent"}}}]
    assert metrics_rules(clients=theirs)[0]["from"] == theirs
    assert metrics_rules(clients=[]) == metrics_rules(enabled=False) == []


def test_without_monitoring_nothing_of_it_is_in_the_pod() -> None:
    spec = pod(enabled=False)
    names = [each["name"] for part in ("containers", "volumes") for each in spec[part]]
    mounts = [each["name"] for each in spec["containers"][0]["volumeMounts"]]
    assert [name for name in (*names, *mounts) if name.startswith("keddah-")] == []


def test_the_files_of_custom_queries_are_named_and_may_be_missing() -> None:
    spec = pod(**_QUERIES)
    assert exporter(spec)["args"][2:] == ["--queries=jobs/queries.yaml", "--queries=jobs/more.yaml"]
    sources = next(each for each in spec["volumes"] if each["name"] == "keddah-queries")["projected"][
        "sources"
    ]
    assert [source["configMap"]["items"][0]["path"] for source in sources] == [
        "jobs/queries.yaml",
        "jobs/more.yaml",
    ]
    assert all(source["configMap"]["optional"] for source in sources)


@pytest.mark.parametrize(
    ("monitoring", "words"),
    [
        ({"queries": [{"configMap": "a", "key": "x/y"}]}, 'queries[0].key: got "x/y"; must be an entry'),
        (
            {"queries": [{"configMap": "a"}, {"configMap": "a"}]},
            'queries[1].key: got "queries.yaml"; is there',
        ),
        ({"clients": [{}]}, "clients[0]: got nothing that is known; must have podSelector"),
        ({"queries": [{"key": "a"}]}, "queries[0].configMap"),
    ],
)
def test_what_cannot_be_is_refused(monitoring: dict[str, Any], words: str) -> None:
    found = admit(complete_database(monitoring=monitoring), policy=policy(), now=_NOW).violations
    assert [str(each) for each in found if str(each).startswith(f"spec.monitoring.{words}")]


def test_a_change_says_whether_it_restarts_instances() -> None:
    def warned(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        old, new = complete_database(monitoring=before), complete_database(monitoring=after)
        found = admit(new, old, policy=policy(), now=_NOW).warnings
        return [each for each in found if each.startswith("monitoring")]

    assert warned({}, {"enabled": False}) == [
        "monitoring: the only instance restarts, its connections are closed"
    ]
    assert warned({}, {"clients": []}) == []


def finding(**monitoring: Any) -> tuple[bool | None, str, str] | None:  # noqa: ANN401
    words, made_for = monitoring.pop("said", ""), monitoring.pop("made_for", monitoring)
    db, metadata = typed_database(monitoring=monitoring), {"name": "orders-0", "uid": "a-uid"}
    asks = instance(trim("Pod", {"metadata": metadata, "spec": pod(**made_for)})).asks
    state = states.observed((states.pod(0, "primary", queries=words, asks=asks),))
    found = [*MONITORING.findings(Subject(db, state, Done(), None))]
    return (found[0].holds, found[0].reason, found[0].message) if found else None


def test_a_query_that_fails_is_a_condition_and_an_event() -> None:
    words = "jobs/queries.yaml: there is no such ConfigMap, or it has no such key"
    holds, reason, message = finding(said=words, **_QUERIES) or (None, "", "")
    assert (holds, reason, message) == (False, "QueriesFailing", f"orders-0: {words}")
    assert (finding(**_QUERIES) or ("",))[:2] == (True, "QueriesAnswered")
    assert finding() is None
    late = (None, "NotReported", "the pods that have these queries are still to come: orders-0")
    assert finding(made_for={}, **_QUERIES) == late
    condition = {"type": "Monitored", "status": "False", "reason": reason, "message": message}
    assert transitions({}, {"conditions": [condition]}) == [("Warning", reason, message)]
