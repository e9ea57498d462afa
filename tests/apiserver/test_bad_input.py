"""Bad input at a real API server: what it says, asked as a user asks. Nothing of it is ever stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests import factory

if TYPE_CHECKING:
    from tests.kubectl import Kubectl
    from tests.rest import Answer, Rest

pytestmark = pytest.mark.usefixtures("webhooks")

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Mistake:
    """A spec with one mistake: where it is, and what the answer says."""

    path: str
    given: str
    advice: str
    spec: dict[str, Any] = field(hash=False)


def wrong(path: str, given: str, advice: str, /, **spec: Any) -> Any:  # noqa: ANN401
    return pytest.param(Mistake(path, given, advice, spec), id=f"{path}={given}"[:60])


MISTAKES = [
    wrong("spec.replicas", "0", "must be from 1 to 9", replicas=0),
    wrong("spec.replicas", "-1", "must be from 1 to 9", replicas=-1),
    wrong("spec.replicas", "2.5", "must be a whole number", replicas=2.5),
    wrong("spec.replicas", '"3"', "must be a whole number", replicas="3"),
    wrong("spec.replicas", '"3"', "without quotes", replicas="3"),
    wrong("spec.replicas", "1000", "must be from 1 to 9", replicas=1000),
    wrong("spec.replicas", "10", "must be from 1 to 9", replicas=10),
    wrong("spec.replicas", "99999999999", "must be from 1 to 9", replicas=99999999999),
    wrong("spec.version", '"16.99"', 'must be "16" or "16.10"', version="16.99"),
    wrong(
        "spec.databases[0].extensions[1]",
        '"vektor"',
        "must be what the image of 18.1 has: vector, hstore, pg_cron or pg_stat_statements",
        version="18",
        databases=[{"name": "app", "extensions": ["hstore", {"name": "vektor"}]}],
    ),
    wrong(
        "spec.databases[0].extensions[0].version",
        '"2.0"',
        'must be "1.6" or "1.5"',
        version="18",
        databases=[{"name": "app", "extensions": [{"name": "pg_cron", "version": "2.0"}]}],
    ),
    wrong(
        "spec.databases[1].extensions[0]",
        '"pg_cron"',
        'only one database can have it, and "app" asks for it',
        databases=[{"name": "app", "extensions": ["pg_cron"]}, {"name": "b", "extensions": ["pg_cron"]}],
    ),
    wrong("spec.version", "17", '"17"', version=17),
    wrong("spec.version", "17.6", '"17.6"', version=17.6),
    wrong("spec.version", '"latest"', '"17"', version="latest"),
    wrong("spec.version", '""', '"17"', version=""),
    wrong("spec.storage.size", '"10Gigabytes"', "Ki Mi Gi", storage={"size": "10Gigabytes"}),
    wrong("spec.storage.size", '"-5Gi"', "must be", storage={"size": "-5Gi"}),
    wrong("spec.storage.size", '"100Ei"', "the most that", storage={"size": "100Ei"}),
    wrong("spec.storage.size", "10", "must be", storage={"size": 10}),
    wrong("spec.parameters.shared_buffers", '"8GBB"', "", parameters={"shared_buffers": "8GBB"}),
    wrong("spec.parameters.shared_bufers", '"8GB"', "shared_buffers", parameters={"shared_bufers": "8GB"}),
    wrong("spec.parameters.max_connections", '"banana"', "", parameters={"max_connections": "banana"}),
    wrong("spec.parameters.work_mem", "8", "put it in quotes", parameters={"work_mem": 8}),
    wrong('spec.parameters["work_mem\\n"]', '"8MB"', "", parameters={"work_mem\n": "8MB"}),
    wrong("spec.parameters.work_mem", '"8MB\\nfsync=off"', "", parameters={"work_mem": "8MB\nfsync=off"}),
    wrong("spec.parameters.port", '"5433"', "", parameters={"port": "5433"}),
    wrong(
        "spec.parameters.synchronous_standby_names",
        '"*"',
        "spec.synchronous",
        parameters={"synchronous_standby_names": "*"},
    ),
    wrong(
        "spec.parameters.shared_buffers",
        '"64GB"',
        "resources.limits.memory",
        parameters={"shared_buffers": "64GB"},
        resources={"limits": {"memory": "512Mi"}},
    ),
    wrong("spec.hba[0]", '"host all all all trust"', "", hba=["host all all all trust"]),
    wrong(
        "spec.hba[1]",
        '"host all all 10.0.0.0/8 md5\\nlocal all all trust"',
        "",
        hba=["host all all 10.0.0.0/8 scram-sha-256", "host all all 10.0.0.0/8 md5\nlocal all all trust"],
    ),
    wrong("spec.hba[0]", '"hots all all all md5"', "", hba=["hots all all all md5"]),
    wrong("spec.database", '"or\\"ders"', "", database='or"ders'),
    wrong("spec.owner", '"pg_orders"', "pg_", owner="pg_orders"),
    wrong("spec.database", '"postgres"', "", database="postgres"),
    wrong("spec.owner", '"select"', "", owner="select"),
    wrong("spec.owner", '"', "63", owner="ü" * 32),
    wrong("spec.backupSchedule", '"0 0 1 * * *"', "write five", backupSchedule="0 0 1 * * *"),
    wrong(
        "spec.backupSchedule",
        '"TZ=Europe/Berlin 0 1 * * *"',
        "a field of its own",
        backupSchedule=("TZ=Europe/Berlin 0 1 * * *"),
    ),
    wrong("spec.backupSchedule", '"@reboot"', "", backupSchedule="@reboot"),
    wrong("spec.backupSchedule", '"61 2 * * *"', "59", backupSchedule="61 2 * * *"),
    wrong("spec.backupSchedule", '"0 0 30 2 *"', "never fires", backupSchedule="0 0 30 2 *"),
    wrong("spec.backup.timeZone", '"Mars/Olympus"', "", backup={"timeZone": "Mars/Olympus"}),
    wrong(
        "spec.backup.repository",
        "volume and s3",
        "one of them",
        backup={
            "repository": {
                "volume": {"size": "1Gi"},
                "s3": {"bucket": "backups", "endpoint": "s3.example", "credentials": {"name": "s3"}},
            }
        },
    ),
    wrong(
        "spec.backup.repository.s3.bucket",
        "nothing",
        "must be",
        backup={"repository": {"s3": {"endpoint": "s3.example"}}},
    ),
    wrong("spec.backup.fullEvery", '"7w"', "write 1176h", backup={"fullEvery": "7w"}),
    wrong("spec.backup.verify.schedule", '"@reboot"', "", backup={"verify": {"schedule": "@reboot"}}),
    wrong(
        "spec.backup.repository.s3.bucket",
        '"Backups"',
        "must be 3 to 63",
        backup={"repository": {"s3": {"bucket": "Backups", "endpoint": "s3.example"}}},
    ),
    wrong(
        "spec.backup.repository.s3.endpoint",
        '"s3://backups"',
        "must be a host",
        backup={"repository": {"s3": {"bucket": "backups", "endpoint": "s3://backups"}}},
    ),
    wrong("spec.restore.from", '"ledger"', "must be a mapping", restore={"from": "ledger"}),
    wrong("spec.restore.from", "name and s3, or neither", "one of them", restore={"from": {}}),
    wrong(
        "spec.restore.targetTime",
        '"2999-01-01T00:00:00Z"',
        "in the future",
        restore={"from": {"name": "ledger"}, "targetTime": "2999-01-01T00:00:00Z"},
    ),
    wrong(
        "spec.restore.targetTime",
        '""',
        "such as 2026",
        restore={"from": {"name": "ledger"}, "targetTime": ""},
    ),
    wrong(
        "spec.restore.targetTime",
        '"2026-11-22t08:00:00z"',
        "such as 2026",
        restore={"from": {"name": "ledger"}, "targetTime": "2026-11-22t08:00:00z"},
    ),
    wrong(
        "spec.restore.from.name",
        '"default/orders"',
        "an object's name",
        restore={"from": {"name": "default/orders"}},
    ),
    wrong(
        "spec.backup.finalBackup",
        "true",
        "needs a schedule",
        backupSchedule="",
        deletionPolicy="Delete",
        backup={"finalBackup": True},
    ),
    wrong("spec.synchronous", '"quorum"', "must be Off, Quorum or Strict", synchronous="quorum"),
    wrong("spec.deletionPolicy", '"Keep"', "must be Delete or Retain", deletionPolicy="Keep"),
    wrong("spec.hibernated", '"true"', "must be true or false, without quotes", hibernated="true"),
    wrong("spec.hba", '"host all all all md5"', "must be a list", hba="host all all all md5"),
    wrong(
        "spec.resources.requests.cpu",
        '"2"',
        'at most the limit, "1"',
        resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
    ),
    wrong(
        "spec.resources.requests.memroy", '"1Gi"', "cpu or memory", resources={"requests": {"memroy": "1Gi"}}
    ),
    wrong(
        'spec.template.labels["app.kubernetes.io/name"]',
        '"x"',
        "choose another",
        template={"labels": {"app.kubernetes.io/name": "x"}},
    ),
    wrong("spec.template.labels.team", '"a b"', "at most 63", template={"labels": {"team": "a b"}}),
    wrong(
        "spec.template.tolerations[0].effect",
        '"Never"',
        "NoSchedule",
        template={"tolerations": [{"key": "a", "operator": "Exists", "effect": "Never"}]},
    ),
]


def tried(rest: Rest, namespace: str, /, **spec: Any) -> Answer:  # noqa: ANN401
    return rest.create(factory.database("orders", namespace, **spec), dryRun="All")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_path_its_value_and_what_is_right(
    rest: Rest, shared_namespace: str, mistake: Mistake
) -> None:
    answer = tried(rest, shared_namespace, **mistake.spec)
    assert answer.status == 422, answer
    told = answer.causes.get(mistake.path)
    assert told is not None, answer.message
    assert told.startswith(f"got {mistake.given}")
    assert ";" in told
    assert mistake.advice in told.partition(";")[2]
    assert f"{mistake.path}: {told}" in answer.message
    assert "\n" not in told


def test_each_of_these_mistakes_is_one_cause(rest: Rest, shared_namespace: str) -> None:
    for given in MISTAKES:
        mistake = given.values[0]
        causes = tried(rest, shared_namespace, **mistake.spec).causes
        if mistake.path not in {
            "spec.backup.repository",
            "spec.backup.repository.s3.bucket",
            "spec.restore.from",
        }:
            assert list(causes) in ([mistake.path], [mistake.path, *list(causes)[1:2]]), mistake


def test_five_mistakes_are_named_at_once(kubectl: Kubectl, shared_namespace: str) -> None:
    spec = {
        "version": "16.99",
        "replicas": "3",
        "backupSchedule": "61 2 * * *",
        "storage": {"size": "10Gigabytes"},
        "parameters": {"shared_bufers": "256MB"},
    }
    manifest = yaml.safe_dump(factory.database("orders", shared_namespace, **spec))
    output = kubectl("apply", "-f", "-", stdin=manifest)
    assert output.code == 1
    for path in (
        'spec.version: got "16.99"; must be',
        'spec.replicas: got "3"; must be a whole number from 1 to 9, without quotes',
        'spec.backupSchedule: got "61 2 * * *"; ',
        'spec.storage.size: got "10Gigabytes"; ',
        'spec.parameters.shared_bufers: got "256MB"; ',
    ):
        assert path in output.err


def test_the_sample_of_five_mistakes_is_refused_for_all_five(kubectl: Kubectl, namespace: str) -> None:
    output = kubectl("apply", "-f", "deploy/samples/mistakes.yaml", "-n", namespace)
    assert output.code == 1
    assert output.err.count("got ") == 5
    assert kubectl.good("get", "pgdb", "-n", namespace) == ""


@pytest.mark.parametrize("sample", ["small", "full"])
def test_the_good_samples_are_accepted(kubectl: Kubectl, shared_namespace: str, sample: str) -> None:
    kubectl.good("apply", "-f", f"deploy/samples/{sample}.yaml", "-n", shared_namespace, "--dry-run=server")


def test_a_version_without_quotes_is_told_to_have_them(kubectl: Kubectl, shared_namespace: str) -> None:
    text = "apiVersion: keddah.dev/v1alpha1\nkind: PostgreSQLDatabase\nmetadata: {name: orders}\n"
    output = kubectl("apply", "-n", shared_namespace, "-f", "-", stdin=f"{text}spec:\n  version: 17\n")
    assert 'spec.version: got 17; must be "16", "16.10", "17"' in output.err


def test_an_empty_file_is_no_object(kubectl: Kubectl, shared_namespace: str) -> None:
    output = kubectl("apply", "-n", shared_namespace, "-f", "-", stdin="")
    assert (output.code, output.err) == (1, "error: no objects passed to apply\n")


@pytest.mark.parametrize("spec", [[], "large", 7, True])
def test_a_spec_that_is_no_mapping_is_refused(rest: Rest, shared_namespace: str, spec: object) -> None:
    answer = rest.create({**factory.database("orders", shared_namespace), "spec": spec}, dryRun="All")
    assert answer.status == 422
    assert answer.causes["spec"].endswith("must be a mapping of names to values")


def test_a_null_spec_is_an_empty_one(rest: Rest, shared_namespace: str) -> None:
    manifest = {**factory.database("orders", shared_namespace), "spec": None}
    assert rest.create(manifest, dryRun="All").expect()["spec"]["version"] == "17"


def test_a_body_of_four_mebibytes_is_too_large(rest: Rest, shared_namespace: str) -> None:
    answer = tried(rest, shared_namespace, parameters={"work_mem": "8" * 4 * MEBIBYTE})
    assert answer.status == 413
    assert tried(rest, shared_namespace).accepted


def test_a_large_body_below_the_limit_gets_a_short_answer(rest: Rest, shared_namespace: str) -> None:
    answer = tried(rest, shared_namespace, parameters={"work_mem": "8" * MEBIBYTE})
    assert answer.status == 422
    assert len(answer.message) < 2000


def test_many_mistakes_get_a_bounded_answer(rest: Rest, shared_namespace: str) -> None:
    answer = tried(rest, shared_namespace, hba=[f"hots all all all md{n}" for n in range(400)])
    assert answer.status == 422
    assert len(answer.causes) == 100
    assert "more than 100 mistakes in orders:" in answer.message
    assert answer.message.endswith("\n  and more")


@pytest.mark.parametrize("name", ["a" * 46, "Orders", "9lives", "or.ders"])
def test_a_name_that_children_cannot_carry_is_refused_with_all_other_mistakes(
    rest: Rest, shared_namespace: str, name: str
) -> None:
    answer = rest.create(factory.database(name, shared_namespace, replicas=0), dryRun="All")
    assert answer.status == 422
    assert {"metadata.name", "spec.replicas"} <= set(answer.causes)


def test_a_generated_name_leaves_room_for_its_suffix(rest: Rest, shared_namespace: str) -> None:
    manifest = factory.database("x", shared_namespace)
    manifest["metadata"] = {"generateName": "a" * 41, "namespace": shared_namespace}
    answer = rest.create(manifest, dryRun="All")
    assert answer.causes["metadata.generateName"].endswith("beginning with a letter")
    manifest["metadata"] = {"generateName": "orders-", "namespace": shared_namespace}
    assert rest.create(manifest, dryRun="All").accepted


def test_an_unknown_field_is_named_when_strict(kubectl: Kubectl, shared_namespace: str) -> None:
    manifest = yaml.safe_dump(factory.database("orders", shared_namespace, replicsa=3))
    output = kubectl("apply", "-f", "-", stdin=manifest)
    assert output.code == 1
    assert 'unknown field "spec.replicsa"' in output.err


def test_an_unknown_field_is_pruned_with_a_warning_when_not_strict(
    kubectl: Kubectl, shared_namespace: str
) -> None:
    manifest = yaml.safe_dump(factory.database("orders", shared_namespace, replicsa=3))
    output = kubectl("apply", "-f", "-", "--validate=warn", "--dry-run=server", stdin=manifest)
    assert output.code == 0
    assert 'Warning: unknown field "spec.replicsa"' in output.err


def test_two_databases_of_one_name_in_two_namespaces_are_two(
    rest: Rest, namespace: str, shared_namespace: str
) -> None:
    first, second = (
        rest.create(factory.database("twin", where)).expect() for where in (namespace, shared_namespace)
    )
    assert first["spec"]["backupSchedule"] != second["spec"]["backupSchedule"]
