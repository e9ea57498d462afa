"""A database that starts from another's backups: what is refused, what there is meanwhile and after."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509
from msgspec import structs

from controller.certificates.keys import DatabaseKeys
from controller.desired.child import child
from controller.desired.instances.patroni import static
from controller.desired.repository import enabled
from controller.desired.repository.settings import settings as settings_of
from controller.desired.secrets import server_names
from controller.kube.objects import Manifest
from controller.observe.backups.record import Record
from controller.observe.ownership import restore
from controller.observe.restore.source import Source, contents, told
from controller.observe.state import Leadership, ObservedState
from controller.plan.actions import Apply, Delete
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.planner import Plan, plan
from controller.plan.restore.certificate import source_secret
from controller.protocol.results import Contents, Result
from controller.protocol.settings import (
    REQUEST,
    Reason,
    RestoreRequest,
    S3Repository,
    Settings,
    VolumeRepository,
)
from schemas.api.backup import Backups
from schemas.api.types import Condition
from tests.factory import typed_database
from tests.states import NEW, intent, observed, pod

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
IDENTIFIER = "7300000000000000001"
ARCHIVE = f"orders-1a2b3c4d-{IDENTIFIER}"
TARGET = "2026-11-29T10:00:00Z"
S3 = {"bucket": "backups", "endpoint": "s3.example", "path": "/shop/orders", "credentials": {"name": "opens"}}


def entropy(seed: int) -> Any:  # noqa: ANN401
    generator = random.Random(seed)  # noqa: S311 - repeatable
    return generator.randbytes


KEYS = DatabaseKeys.generate("orders", now=NOW - timedelta(days=9), entropy=entropy(1))


def source(
    restorable: tuple[str, str] | None = None,
    *,
    db: dict[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401
) -> Source:
    """Give the running database `orders`, restorable between two moments."""
    whole = typed_database(**(db or {}))
    if restorable is not None:
        whole = replace_status(whole, Backups(count=2, newest_restorable_time=restorable[1]))
    found = Source(
        "orders",
        exists=True,
        db=whole,
        holds={"version": "17", "database": "app", "owner": "app"},
        settings=settings_of(whole, ARCHIVE).text() if enabled(whole) else "",
        contents=Contents(backups=2, oldest_restorable=restorable[0] if restorable else ""),
        serves=True,
        claim=True,
        secrets={"orders-keys": {"data": KEYS.encode()}},
    )
    return replace(found, **changes)


def replace_status(db: Any, backups: Backups) -> Any:  # noqa: ANN401
    return structs.replace(db, status=structs.replace(db.status, backups=backups))


def copy(**spec: Any) -> Any:  # noqa: ANN401
    return typed_database("copy", **{"restore": {"from": {"name": "orders"}}, "replicas": 3, **spec})


def chosen(found: Source | None, around: ObservedState | None = None, **spec: Any) -> Plan:  # noqa: ANN401
    return plan(intent(copy(**spec)), replace(around or observed(), source=found))


def refused(found: Source | None, **spec: Any) -> Outcome:  # noqa: ANN401
    made = chosen(found, **spec)
    assert made.actions == ()
    return made.outcome


def written(made: Plan) -> dict[tuple[str, str], Manifest]:
    return {
        (a.manifest["kind"], a.manifest["metadata"]["name"]): a.manifest
        for a in made.actions
        if isinstance(a, Apply)
    }


def request(made: Plan) -> RestoreRequest:
    return RestoreRequest.read(written(made)["ConfigMap", "copy-restore"]["data"][REQUEST])


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        (source(db=None, exists=False), "SourceNotFound", "no PostgreSQLDatabase shop/orders"),
        (source(db={"backupSchedule": ""}, settings=""), "SourceNotFound", "makes no backups"),
        (source(settings=""), "SourceNotReady", "first backup"),
        (source(contents=Contents()), "SourceNotReady", "first backup"),
        (source(settings="", exists=False), "SourceNotFound", "left no backup"),
        (
            source(contents=None, archive="gone-1", archives=("a-1", "b-2")),
            "SourceNotFound",
            "no archive gone-1 of shop/orders is known to hold a backup; those that do: a-1, b-2",
        ),
        (source(serves=False, claim=False), "SourceNotFound", "volume"),
        (source(serves=False), "SourceNotReady", "repository"),
        (
            source(holds={"version": "18", "database": "app", "owner": "app"}),
            "SourceDiffers",
            'version: "18"',
        ),
        (
            source(holds={"version": "17", "database": "app", "owner": "x"}),
            "SourceDiffers",
            'owner: "x"',
        ),
    ],
)
def test_what_cannot_be_restored_is_told_and_nothing_is_written(
    found: Source, reason: str, words: str
) -> None:
    if "no PostgreSQLDatabase" in words:
        found = replace(found, db=None)
    outcome = refused(found)
    assert outcome.reason == reason
    assert words in outcome.message
    assert outcome.after is not None or reason == "SourceDiffers"


@pytest.mark.parametrize(
    ("window", "kind", "reason"),
    [
        (("2026-11-29T10:00:01Z", "2026-11-29T11:00:00Z"), Stalled, "TargetOutsideWindow"),
        (("2026-11-29T09:00:00Z", "2026-11-29T09:59:59Z"), Waiting, "SourceNotReady"),
    ],
)
def test_a_moment_outside_the_window_is_refused_with_the_window(
    window: tuple[str, str], kind: type[Outcome], reason: str
) -> None:
    outcome = refused(source(window), restore={"from": {"name": "orders"}, "targetTime": TARGET})
    assert isinstance(outcome, kind)
    assert outcome.reason == reason
    assert all(moment in outcome.message for moment in window)


def test_a_source_that_nobody_writes_to_can_be_restored_to_any_moment_since() -> None:
    window = ("2026-11-29T09:00:00Z", "2026-11-29T09:30:00Z")
    idle = source(window)
    assert idle.db is not None
    archives = Condition(
        type="ArchivingWAL", status="True", reason="Archiving", last_transition_time=window[0]
    )
    idle = replace(
        idle,
        db=structs.replace(idle.db, status=structs.replace(idle.db.status, conditions=[archives])),
    )
    wanted = {"from": {"name": "orders"}, "targetTime": TARGET}
    target = datetime(2026, 11, 29, 10, tzinfo=UTC)

    def at(seconds: int) -> Plan:
        return chosen(idle, replace(observed(), seen=target + timedelta(seconds=seconds)), restore=wanted)

    # What was written just before may not be archived yet, and that not be told yet.
    assert at(149).outcome.reason == "SourceNotReady"
    assert request(at(151)).whole is True


def test_one_instance_restores_from_the_running_repository() -> None:
    made = chosen(
        source(("2026-11-29T09:00:00Z", TARGET)), restore={"from": {"name": "orders"}, "targetTime": TARGET}
    )
    writes = written(made)
    assert writes["StatefulSet", "copy"]["spec"]["replicas"] == 1
    assert ("StatefulSet", "copy-source") not in writes
    asked = request(made)
    assert asked.source.archive == ARCHIVE
    assert isinstance(asked.source.repository, VolumeRepository)
    assert asked.source.repository.host == "orders-repository.shop.svc"
    assert asked.source.tls == "/etc/keddah/restore/tls"
    assert (asked.time, asked.whole) == (TARGET, True)
    policy = writes["NetworkPolicy", "copy-source"]["spec"]
    assert policy["podSelector"]["matchLabels"]["keddah.dev/database"] == "orders"


@pytest.mark.parametrize(
    "found", [source(exists=False, serves=False), source(db={"hibernated": True}, serves=False)]
)
def test_the_volume_of_a_source_that_does_not_run_is_served_read_only(found: Source) -> None:
    made = chosen(found)
    spec = written(made)["StatefulSet", "copy-source"]["spec"]["template"]["spec"]
    claims = [
        volume["persistentVolumeClaim"] for volume in spec["volumes"] if "persistentVolumeClaim" in volume
    ]
    assert claims == [{"claimName": "repository-orders-repository-0", "readOnly": True}]
    asked = request(made)
    assert isinstance(asked.source.repository, VolumeRepository)
    assert asked.source.repository.host == "copy-source.shop.svc"


def test_what_was_backed_up_can_be_restored_where_no_backups_are_made_any_more() -> None:
    ended = source(db={"backupSchedule": ""}, settings=settings_of(typed_database(), ARCHIVE).text())
    made = chosen(replace(ended, serves=False))
    assert ("StatefulSet", "copy-source") in written(made)
    assert request(made).source.archive == ARCHIVE


def test_an_archive_from_before_is_chosen_by_its_name() -> None:
    """What is noted of the data, and how far its archive reaches, is about the one in use."""
    now = source(("2026-11-29T09:00:00Z", "2026-11-29T09:30:00Z"), holds={"version": "18", "owner": "x"})
    former = replace(now, archive=ARCHIVE, contents=Contents(backups=1), archives=(ARCHIVE,))
    wanted = {"from": {"name": "orders", "archive": ARCHIVE}, "targetTime": TARGET}
    asked = request(chosen(former, restore=wanted))
    assert (asked.source.archive, asked.whole) == (ARCHIVE, False)


def test_an_archive_from_before_may_have_a_key_of_its_own() -> None:
    wanted = {
        "from": {"name": "orders", "archive": ARCHIVE, "encryption": {"secret": {"name": "old", "key": "k"}}}
    }
    former = source(archive=ARCHIVE, contents=Contents(backups=1))
    asked = request(chosen(former, restore=wanted))
    assert asked.source.encryption_key_file == "/etc/keddah/restore/encryption/key"
    opens = replace(former, secrets={**former.secrets, "old": {"data": {"k": "YQ=="}}})
    (secret,) = source_secret(copy(restore=wanted), observed(source=opens), NOW, entropy(2))
    assert secret["data"]["encryption.key"] == "YQ=="
    plain = request(chosen(source()))
    assert plain.source.encryption_key_file == ""


def test_the_settings_of_a_source_name_the_archive_that_is_asked_for() -> None:
    before = Record(archive="orders-1-1", contents=Contents(backups=1), last_backup=TARGET)
    record = Record(archive="orders-2-2", contents=Contents(backups=2), last_backup=TARGET, former=(before,))
    text = settings_of(typed_database(), "orders-2-2").text()
    live = {"data": {"settings.json": text}}
    for archive, of, count in (("", "orders-2-2", 2), ("orders-1-1", "orders-1-1", 1)):
        assert Settings.read(told(live, record, archive)).archive == of
        held = contents(record, archive)
        assert held is not None
        assert held.backups == count
    assert contents(record, "orders-3-3") is None
    # Backups are made no more, or there is no data yet: the one that was used last.
    ended = {"data": {"settings.json": text.replace("orders-2-2", "")}}
    assert Settings.read(told(ended, record, "")).archive == "orders-2-2"
    assert told(None, record, "") == told({}, Record(), "") == ""


def test_a_server_that_serves_a_volume_stays_when_the_source_comes_back() -> None:
    before = written(chosen(source(exists=False, serves=False)))
    sets = {"StatefulSet": {"copy-source": before["StatefulSet", "copy-source"]}}
    assert ("Service", "copy-source") in written(chosen(source(), observed(children=sets)))


def test_a_bucket_needs_no_database_and_an_archive_is_found() -> None:
    restore = {"from": {"s3": S3}}
    made = chosen(Source(""), restore=restore)
    asked = request(made)
    assert isinstance(asked.source.repository, S3Repository)
    assert asked.source.repository.credentials == "/etc/keddah/restore/credentials"
    assert asked.only_archive
    named = request(chosen(Source(""), restore={"from": {"s3": {**S3, "archive": ARCHIVE}}}))
    assert (named.source.archive, named.only_archive) == (ARCHIVE, False)


def test_the_certificate_is_of_the_sources_authority_and_impersonates_none_of_its_servers() -> None:
    around = observed(source=source())
    (secret,) = source_secret(copy(), around, NOW, entropy(2))
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    (name,) = certificate.subject
    assert name.value == server_names(typed_database(), "")[0]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(KEYS.ca_crt.encode()))
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == ["copy-source.shop.svc"]
    # It stays while it is valid.
    again = replace(around, children={"Secret": {"copy-source": secret}})
    assert source_secret(copy(), again, NOW + timedelta(days=1), entropy(3)) == (secret,)


def test_what_opens_a_bucket_is_copied_for_as_long_as_it_is_read() -> None:
    opens = {"data": {"accessKeyId": "YQ==", "secretAccessKey": "Yg==", "other": "Yw=="}}
    db = copy(restore={"from": {"s3": S3}})
    (secret,) = source_secret(db, observed(source=Source("", secrets={"opens": opens})), NOW, entropy(2))
    assert secret["data"] == {"accessKeyId": "YQ==", "secretAccessKey": "Yg=="}
    assert source_secret(db, observed(), NOW, entropy(2)) == ()


def running(**changes: Any) -> ObservedState:  # noqa: ANN401
    """Give the state while the first instance runs, with all children written."""
    around = observed(source=source())
    for _ in range(3):
        kinds: dict[str, dict[str, Manifest]] = {kind: dict(each) for kind, each in around.children.items()}
        for (kind, name), manifest in written(chosen(source(), around)).items():
            kinds.setdefault(kind, {})[name] = manifest
        around = replace(around, children=kinds)
    live = around.children["StatefulSet"]["copy"]
    live["metadata"]["generation"] = 1
    live["status"] = {"observedGeneration": 1, "updateRevision": NEW}
    first = replace(pod(0), name="copy-0", ready=False, streaming=False, **changes)
    return replace(around, instances=(first,))


def test_the_database_may_have_been_renamed_and_is_looked_for_in_what_was_restored() -> None:
    held = {"version": "17", "database": "shop", "owner": "app"}
    assert request(chosen(source(holds=held), database="shop")).database == "shop"
    assert request(chosen(source(holds=held))).database == "app"
    told = Result("restore", "a", "b", Reason.DATABASE_MISSING, 'no database "app", but: shop').text()
    outcome = chosen(source(), running(last_words=told)).outcome
    assert isinstance(outcome, Stalled)
    assert outcome.reason == "SourceDiffers"
    assert 'no database "app", but: shop' in outcome.message


def test_progress_and_the_reason_of_a_failed_attempt_are_told() -> None:
    failed = Result("restore", "a", "b", Reason.WAL_MISSING, "0001 is not there").text()
    outcome = chosen(source(), running(restoring="37 % of the files")).outcome
    assert (outcome.reason, outcome.message) == ("Restoring", "copy-0: 37 % of the files")
    outcome = chosen(source(), running(last_words=failed)).outcome
    assert outcome.reason == "RestoreFailing"
    assert "WALMissing: 0001 is not there" in outcome.message
    both = chosen(source(), running(last_words=failed, restoring="replays the WAL")).outcome
    assert both.reason == "Restoring"
    assert "0001 is not there" in both.message


def test_what_was_there_for_the_restore_goes_and_the_others_come() -> None:
    body: Manifest = {}
    left = {
        kind: {name: {**child(copy(), "v1", kind, name, body=body, component="restore")}}
        for kind, name in (
            ("ConfigMap", "copy-restore"),
            ("Secret", "copy-source"),
            ("StatefulSet", "copy-source"),
            ("Service", "copy-source"),
            ("NetworkPolicy", "copy-source"),
        )
    }
    for kind, named in left.items():
        for manifest in named.values():
            manifest["metadata"] |= {"uid": f"uid-{kind}", "resourceVersion": "1"}
    around = running()
    lead = Leadership("copy-0", initialized=True, identifier=IDENTIFIER)
    there = around.children
    kinds = {kind: {**there.get(kind, {}), **left.get(kind, {})} for kind in {*there, *left}}
    done = replace(around, leadership=lead, children=kinds)
    made = chosen(None, done)
    gone = {(a.kind, a.name) for a in made.actions if isinstance(a, Delete)}
    assert gone == {(kind, "copy-source") for kind in ("Secret", "StatefulSet", "Service", "NetworkPolicy")}
    assert written(made)["StatefulSet", "copy"]["spec"]["replicas"] == 3
    only = {kind: {n: m for n, m in each.items() if n != "copy-source"} for kind, each in kinds.items()}
    last = chosen(None, replace(done, children=only))
    assert [(a.kind, a.name) for a in last.actions if isinstance(a, Delete)] == [
        ("ConfigMap", "copy-restore")
    ]


def test_patroni_is_told_only_where_a_database_is_restored() -> None:
    bootstrap = yaml.safe_load(static(copy()))["bootstrap"]
    assert bootstrap["method"] == "restore"
    assert (
        bootstrap["restore"]["command"] == "keddah-backup restore --request=/etc/keddah/restore/request.json"
    )
    assert "method" not in yaml.safe_load(static(typed_database()))["bootstrap"]


def test_only_objects_of_these_names_are_the_restores() -> None:
    def named(name: str, owner: str = "") -> Manifest:
        owners = [{"kind": "StatefulSet", "name": owner, "uid": "u", "controller": True}] if owner else []
        return {"metadata": {"name": name, "ownerReferences": owners}}

    assert restore("ConfigMap", named("copy-restore"), "copy")
    assert not restore("ConfigMap", named("copy-restored"), "copy")
    assert restore("StatefulSet", named("copy-source"), "copy")
    assert restore("Pod", named("copy-source-0", "copy-source"), "copy")
    assert not restore("Pod", named("copy-source-0"), "copy")
    assert not restore("Secret", named("copy-source"), "copy")
