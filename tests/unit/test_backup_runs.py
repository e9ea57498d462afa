"""How Jobs of backups are read: what they did, why they failed, and what is remembered of them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from controller.kube.objects import Manifest
from controller.observe.backups.record import Failure, Record, recorded, updated
from controller.observe.backups.runs import Run, run, runs
from controller.observe.ownership import backups
from controller.protocol.results import Contents, Result
from tests.runs import ARCHIVE, failed, job, made, pod, proven, settings

EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"}
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}


def remembered(*found: Run, before: Record | None = None, archive: str = ARCHIVE) -> Record:
    return updated(before or Record(), found, archive)


def test_a_job_tells_the_result_of_its_last_pod() -> None:
    of = job("orders-backup-1", "Complete")
    first, last = pod(of, failed("RepositoryUnreachable", "2026-07-01T02:00:02Z"), 1), pod(of, made(), 2)
    for pods in ([first, last], [last, first]):
        found = run(of, pods)
        assert (found.name, found.state, found.reason) == ("orders-backup-1", "Succeeded", "")
        assert found.ended == "2026-07-01T02:00:05Z"
        assert found.result == made()


def test_a_job_that_is_tried_again_has_not_failed() -> None:
    of = job()
    found = run(of, [pod(of, failed("RepositoryUnreachable", "2026-07-01T02:00:02Z"))])
    assert (found.state, found.finished) == ("Pending", False)
    assert run(of, [pod(of, running={})]).state == "Pending"
    assert run(of, [pod(of, running={"startedAt": "2026-07-01T02:00:01Z"})]).state == "Running"


def test_a_job_that_failed_says_why() -> None:
    of = job("orders-backup-1", "Failed")
    found = run(of, [pod(of, failed("CredentialsRefused", "2026-07-01T02:00:02Z", "the key is unknown"))])
    assert (found.state, found.reason) == ("Failed", "CredentialsRefused")
    assert found.message == "the key is unknown"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (EVICTED, "Evicted: The node was low on memory"),
        (
            {"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]},
            "its container ended: OOMKilled, exit code 137",
        ),
        ({"phase": "Failed"}, "as the controller says"),
    ],
)
def test_a_pod_that_was_killed_is_an_interruption_in_kubernetes_words(status: Manifest, message: str) -> None:
    of = job("orders-backup-1", "Failed")
    found = run(of, [{**pod(of), "status": {"phase": "Failed", **status}}])
    assert (found.reason, found.message) == ("Interrupted", message)
    assert found.ended == "2026-07-01T02:00:07Z"


def test_a_killed_pod_does_not_pass_on_what_the_one_before_said() -> None:
    of = job("orders-backup-1", "Failed")
    before = pod(of, failed("CredentialsRefused", "2026-07-01T02:00:02Z"), 1)
    assert run(of, [before, pod(of, "", 2)]).reason == "Interrupted"


def test_a_pod_that_waits_tells_for_what() -> None:
    of = job()
    assert (
        run(of, [{**pod(of), "status": {"conditions": [UNSCHEDULED]}}]).trouble == "Unschedulable: 0/3 nodes"
    )
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    assert run(of, [pod(of, waiting=waiting)]).trouble == "ImagePullBackOff: no such image"


def test_a_result_that_the_watch_of_pods_has_not_told_yet_is_waited_for() -> None:
    of = job("orders-backup-1", "Complete")
    assert not run(of, [pod(of, running={"startedAt": "2026-07-01T02:00:01Z"})]).finished
    # A pod on a lost node is deleted and never ends; another has done its work.
    lost = pod(of, running={"startedAt": "2026-07-01T02:00:01Z"})
    lost["metadata"]["deletionTimestamp"] = "2026-07-01T02:00:03Z"
    assert run(of, [lost, pod(of, made(), 2)]).state == "Succeeded"
    # Nor does it ever come for a pod that is gone.
    assert run(of, []).state == "Succeeded"


def test_jobs_are_read_by_age_and_only_those_that_say_what_they_do() -> None:
    old, new, theirs = job("b"), job("a"), job("c")
    old["metadata"]["creationTimestamp"] = "2026-06-30T02:00:00Z"
    del theirs["metadata"]["labels"]["keddah.dev/run"]
    found = {each["metadata"]["name"]: each for each in (new, old, theirs)}
    assert [each.name for each in runs(found, [])] == ["b", "a"]


def test_only_objects_of_the_component_are_recognized() -> None:
    of = job("now")
    assert backups("Job", of, "orders")
    assert backups("Pod", pod(of), "orders")
    assert backups("CronJob", {"metadata": {**of["metadata"], "name": "orders-backup"}}, "orders")
    assert not backups("CronJob", {"metadata": {**of["metadata"], "name": "dump"}}, "orders")
    theirs = {"metadata": {"name": "dump", "labels": {"keddah.dev/database": "orders"}}}
    assert not any(backups(kind, theirs, "orders") for kind in ("Job", "Pod", "CronJob"))
    bare = {"metadata": {**pod(of)["metadata"], "ownerReferences": []}}
    assert not backups("Pod", bare, "orders")


def succeeded(ended: str, **notes: str) -> Run:
    of = job(f"orders-backup-{ended}", "Complete", **notes)
    return run(of, [pod(of, made(ended))])


def ended_badly(reason: str, ended: str, command: str = "backup") -> Run:
    of = job(f"orders-{command}-{ended}", "Failed", command=command)
    return run(of, [pod(of, failed(reason, ended))])


def test_what_is_remembered_is_the_newest_whatever_the_order() -> None:
    old, new = succeeded("2026-07-01T02:00:05Z"), succeeded("2026-07-02T02:00:05Z")
    for found in ((old, new), (new, old)):
        record = remembered(*found)
        assert record.last_backup == "2026-07-02T02:00:05Z"
        assert record.contents is not None
        assert record.contents.last_full == "2026-07-02T02:00:05Z"
    assert remembered(old, before=remembered(new)).last_backup == "2026-07-02T02:00:05Z"
    assert remembered(old, before=remembered(new)).contents == remembered(new).contents
    assert remembered(new, before=remembered(new)) == remembered(new)


def test_it_survives_its_jobs_and_its_way_through_the_annotation() -> None:
    record = remembered(
        succeeded("2026-07-01T02:00:05Z"), ended_badly("RepositoryFull", "2026-07-02T02:00:05Z")
    )
    read = recorded(settings(record=record))
    assert read == record
    assert read.text() == record.text()
    assert remembered(before=read) == record


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"contents": 3}'])
def test_a_damaged_annotation_counts_as_none(text: str) -> None:
    live = settings()
    live["metadata"]["annotations"] = {"keddah.dev/backups": text}
    assert recorded(live) == recorded(None) == Record()


def test_an_annotation_of_a_newer_release_is_read() -> None:
    live = settings()
    live["metadata"]["annotations"] = {
        "keddah.dev/backups": '{"verified": "v", "more": {}, "contents": {"x": 1}}'
    }
    assert recorded(live) == Record(verified="v", contents=Contents())


@pytest.mark.parametrize(
    ("state", "said"),
    [("Complete", made()), ("Failed", failed("RepositoryFull", "2026-07-01T02:00:05Z"))],
)
def test_a_job_whose_pod_is_gone_tells_nothing_new(state: str, said: Result) -> None:
    of = job("orders-backup-1", state)
    before = remembered(run(of, [pod(of, said)]))
    assert remembered(run(of, []), before=before) == before
    assert remembered(run(of, []), before=recorded(settings(record=before))) == before
    # Unless nobody has read it in time.
    unread = remembered(run(of, []))
    assert (unread.last_backup or unread.backup_failure) == (
        "2026-07-01T02:00:07Z"
        if state == "Complete"
        else Failure("2026-07-01T02:00:07Z", "Interrupted", "as the controller says")
    )


def test_a_success_ends_a_failure_and_an_older_one_does_not() -> None:
    failure = ended_badly("RepositoryFull", "2026-07-02T02:00:05Z")
    record = remembered(failure, succeeded("2026-07-01T02:00:05Z"))
    assert record.backup_failure == Failure("2026-07-02T02:00:05Z", "RepositoryFull", "it was so")
    assert remembered(succeeded("2026-07-03T02:00:05Z"), before=record).backup_failure is None
    assert remembered(failure, succeeded("2026-07-03T02:00:05Z")).backup_failure is None


def test_a_run_that_another_excluded_is_no_failure() -> None:
    record = remembered(ended_badly("AnotherRunHoldsTheLock", "2026-07-02T02:00:05Z"))
    assert (record.failure, record.last_backup) == (None, "")
    of = job("orders-backup-ab", "Failed", request="ab")
    asked = run(of, [pod(of, failed("AnotherRunHoldsTheLock", "2026-07-02T02:00:05Z"))])
    assert remembered(asked).backup_failure is not None


def test_what_a_good_backup_could_not_remove_is_remembered_until_one_could() -> None:
    def backup(ended: str, reason: str = "", message: str = "") -> Run:
        of = job("orders-backup-1", "Complete")
        return run(of, [pod(of, replace(made(ended), expire_reason=reason, expire_message=message))])

    left = backup("2026-07-01T02:00:05Z", "RepositoryDamaged", "bad file")
    record = remembered(left)
    assert (record.backup_failure, record.last_backup) == (None, "2026-07-01T02:00:05Z")
    assert record.failure == Failure("2026-07-01T02:00:05Z", "RepositoryDamaged", "bad file")
    assert recorded(settings(record=record)) == record
    later = ended_badly("RepositoryFull", "2026-07-02T02:00:05Z")
    assert remembered(later, before=record).expire_failure == record.expire_failure
    cleared = remembered(later, backup("2026-07-03T02:00:05Z"), before=record)
    assert cleared.failure is None
    assert remembered(left, before=cleared) != record


def test_bad_pages_are_a_failure_though_the_repository_has_a_new_backup() -> None:
    of = job("orders-backup-1", "Failed")
    result = made("2026-07-02T02:00:05Z", damaged=1)
    bad = Run(
        of["metadata"]["name"],
        "uid",
        "5",
        "backup",
        "Failed",
        ended=result.ended,
        result=type(result)(
            "backup",
            result.started,
            result.ended,
            reason="BadPageChecksum",
            message="page 7",
            made=result.made,
            contents=Contents(backups=1, damaged=1, last_backup="2026-07-01T02:00:05Z"),
        ),
    )
    record = remembered(bad)
    assert record.last_backup == "2026-07-01T02:00:05Z"
    assert record.backup_failure == Failure("2026-07-02T02:00:05Z", "BadPageChecksum", "page 7")
    assert record.contents is not None
    assert record.contents.damaged == 1


def test_verifications_are_remembered_apart_from_backups() -> None:
    of = job("orders-verify-1", "Complete", command="verify")
    good = run(of, [pod(of, proven("2026-07-03T02:00:05Z"))])
    record = remembered(succeeded("2026-07-01T02:00:05Z"), good)
    assert (record.verified, record.last_backup) == ("2026-07-03T02:00:05Z", "2026-07-01T02:00:05Z")
    damaged = remembered(ended_badly("WALMissing", "2026-07-04T02:00:05Z", "verify"), before=record)
    assert damaged.disproved == Failure("2026-07-04T02:00:05Z", "WALMissing", "it was so")
    assert (damaged.backup_failure, damaged.verified) == (None, record.verified)
    skipped = remembered(ended_badly("NoRoom", "2026-07-04T02:00:05Z", "verify"), before=record)
    assert skipped.disproved is None
    assert skipped.failure == Failure("2026-07-04T02:00:05Z", "NoRoom", "it was so")


def test_a_verification_that_was_skipped_takes_back_no_damage_that_one_before_it_found() -> None:
    damaged = ended_badly("WALMissing", "2026-07-04T02:00:05Z", "verify")
    skipped = ended_badly("NoRoom", "2026-07-05T02:00:05Z", "verify")
    found = Failure("2026-07-04T02:00:05Z", "WALMissing", "it was so")
    for record in (remembered(damaged, skipped), remembered(skipped, before=remembered(damaged))):
        assert record.disproved == found
        assert record.failure == Failure("2026-07-05T02:00:05Z", "NoRoom", "it was so")
        assert remembered(skipped, before=recorded(settings(record=record))) == record
    of = job("orders-verify-1", "Complete", command="verify")
    good = run(of, [pod(of, proven("2026-07-06T02:00:05Z"))])
    assert remembered(good, before=remembered(damaged, skipped)).disproved is None


def test_another_archive_begins_anew_and_runs_of_the_former_one_do_not_count() -> None:
    record = remembered(succeeded("2026-07-01T02:00:05Z"))
    assert remembered(before=record, archive="") == record
    anew = remembered(succeeded("2026-07-01T02:00:05Z"), before=record, archive="orders-1a2b3c4d-99")
    assert anew == Record(archive="orders-1a2b3c4d-99", former=(record,))
    # It is the same as before when the data comes back.
    assert remembered(before=anew) == msgspec.structs.replace(record, former=())


def test_requests_are_remembered_once_they_have_ended() -> None:
    goes_on = run(job("orders-backup-ab", request="ab"), [])
    assert remembered(goes_on).requests == ()
    record = Record()
    for number in range(30):
        done = succeeded("2026-07-01T02:00:05Z", request=f"r{number}")
        record = remembered(done, before=record)
    assert record.requests == tuple(f"r{number}" for number in range(10, 30))
