"""When which Job of backups is made, and which goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.objects import Manifest
from controller.observe.backups.backups import backups
from controller.observe.backups.record import Failure, Record
from controller.observe.drift import stamp
from controller.observe.state import ObservedState
from controller.plan.actions import Apply, Delete, EndTries
from controller.plan.outcome import Done, Waiting
from controller.plan.planner import Plan, plan
from controller.plan.records import noted
from controller.plan.situation import Intent
from schemas.api.types import decode
from tests.factory import complete_database
from tests.runs import ARCHIVE, HELD, around, failed, job, made, pod, settings
from tests.states import intent, members, observed, settled

BACKED_UP = Record(
    archive=ARCHIVE, contents=HELD, read="2026-07-01T02:00:05Z", last_backup="2026-07-01T02:00:05Z"
)
KNOWN = settings(record=BACKED_UP)
SOON = datetime(2026, 7, 1, 3, tzinfo=UTC)


def wish(annotations: dict[str, str] | None = None, **spec: Any) -> Intent:  # noqa: ANN401
    manifest = complete_database(**{"backupSchedule": "0 2 * * *", **spec})
    manifest["metadata"]["annotations"] = annotations or {}
    return intent(decode(manifest))


@pytest.fixture
def calm() -> ObservedState:
    """Give a state in which nothing of the instances is to be done."""
    return replace(settled(wish(), observed(members(1))), seen=SOON)


def planned(want: Intent, state: ObservedState) -> Plan:
    return plan(want, state)


def written(want: Intent, state: ObservedState, kind: str = "Job") -> dict[str, Manifest]:
    """Give what the plan makes or changes of a kind."""
    writes = [a.manifest for a in planned(want, state).actions if isinstance(a, Apply)]
    return {m["metadata"]["name"]: m for m in writes if m["kind"] == kind}


def deleted(want: Intent, state: ObservedState) -> list[str]:
    return [str(action) for action in planned(want, state).actions if isinstance(action, Delete)]


def test_the_first_backup_is_made_as_soon_as_the_primary_accepts_writes(calm: ObservedState) -> None:
    ready = around(calm)
    made_now = written(wish(), ready)
    assert list(made_now) == ["orders-backup-first"]
    assert list(written(wish(), ready, "CronJob")) == ["orders-backup"]
    assert made_now["orders-backup-first"]["spec"]["template"]["spec"]["containers"][0]["args"] == [
        "keddah-backup",
        "backup",
    ]
    no_primary = replace(ready, instances=tuple(replace(i, ready=False) for i in ready.instances))
    assert written(wish(), no_primary) == {}


def test_without_an_archive_or_its_server_no_job_is_made(calm: ObservedState) -> None:
    nameless = around(calm, of=settings(""))
    assert written(wish(), nameless) == written(wish(), nameless, "CronJob") == {}
    assert written(wish(), around(calm, ready=False)) == {}
    assert list(written(wish(), around(calm, of=settings(bucket=True), ready=False))) == [
        "orders-backup-first"
    ]


def test_a_primary_from_before_there_were_backups_is_not_backed_up_yet(calm: ObservedState) -> None:
    def primary(*containers: str) -> ObservedState:
        of = {"metadata": {"name": "orders-0", "labels": {"app.kubernetes.io/component": "database"}}}
        pod = {**of, "spec": {"containers": [{"name": name} for name in containers]}}
        return replace(around(calm), children={**around(calm).children, "Pod": {"orders-0": pod}})

    assert written(wish(), primary("postgres")) == {}
    assert list(written(wish(), primary("postgres", "backup"))) == ["orders-backup-first"]


def test_the_first_backup_is_made_once(calm: ObservedState) -> None:
    goes_on, done = job("orders-backup-first"), job("orders-backup-first", "Complete")
    assert written(wish(), around(calm, goes_on)) == {}
    assert written(wish(), around(calm, done, pod(done, made()))) == {}
    assert written(wish(), around(calm, of=KNOWN)) == {}
    by_schedule = job("orders-backup-29384")
    assert written(wish(), around(calm, by_schedule)) == {}


def test_a_first_backup_that_failed_is_made_again_once_its_job_is_gone(calm: ObservedState) -> None:
    bad = job("orders-backup-first", "Failed")
    result = pod(bad, failed("RepositoryUnreachable", "2026-07-01T02:00:09Z"))
    assert written(wish(), around(calm, bad, result)) == {}
    record = Record(archive=ARCHIVE)
    again = written(wish(), around(calm, of=settings(record=record)))
    assert again["orders-backup-first"]["spec"]["ttlSecondsAfterFinished"] == 300


def test_a_backup_that_is_asked_for_is_made_once_for_each_name(calm: ObservedState) -> None:
    asked = wish({"keddah.dev/backup-now": "before-release"})
    (name, made_now) = next(iter(written(asked, around(calm, of=KNOWN)).items()))
    request = made_now["metadata"]["annotations"]["keddah.dev/request"]
    assert name == f"orders-backup-{request}"
    done = job(name, "Complete", request=request)
    assert written(asked, around(calm, done, pod(done, made("2026-07-01T02:30:00Z")), of=KNOWN)) == {}
    remembered = settings(
        record=Record(archive=ARCHIVE, last_backup="2026-07-01T02:00:05Z", requests=(request,))
    )
    assert written(asked, around(calm, of=remembered)) == {}
    other = wish({"keddah.dev/backup-now": "after-release"})
    assert list(written(other, around(calm, of=remembered))) != [name]
    assert len(written(other, around(calm, of=remembered))) == 1
    assert written(wish({"keddah.dev/backup-now": ""}), around(calm, of=KNOWN)) == {}


def test_one_backup_runs_at_a_time(calm: ObservedState) -> None:
    asked = wish({"keddah.dev/backup-now": "before-release"})
    assert written(asked, around(calm, job("now"), of=KNOWN)) == {}
    done = job("now", "Complete")
    assert len(written(asked, around(calm, done, pod(done, made()), of=KNOWN))) == 1
    # What verifies may take hours, and hinders no backup.
    assert len(written(asked, around(calm, job("v", command="verify"), of=KNOWN))) == 1


def test_a_verification_that_is_asked_for_waits_for_a_backup_to_look_at(calm: ObservedState) -> None:
    asked = wish({"keddah.dev/verify-now": "audit"})
    assert "orders-backup-first" in written(asked, around(calm))
    assert written(asked, around(calm, job("now"), of=KNOWN)) == {}
    (made_now,) = written(asked, around(calm, of=KNOWN)).values()
    assert made_now["metadata"]["name"].startswith("orders-verify-")
    (volume,) = [v for v in made_now["spec"]["template"]["spec"]["volumes"] if "ephemeral" in v]
    claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "4Gi"


def test_suspended_backups_are_made_on_demand_only(calm: ObservedState) -> None:
    still = wish(backup={"suspended": True})
    calm = replace(settled(still, calm), seen=SOON)
    assert written(still, around(calm)) == {}
    assert written(still, around(calm), "CronJob")["orders-backup"]["spec"]["suspend"] is True
    asked = wish({"keddah.dev/backup-now": "x"}, backup={"suspended": True})
    assert len(written(asked, around(calm))) == 1


def test_a_hibernated_database_has_no_jobs_that_wait_for_it() -> None:
    asleep = wish({"keddah.dev/backup-now": "x"}, hibernated=True)
    calm = settled(asleep, observed())
    waits, done = job("orders-backup-1"), job("orders-backup-2", "Complete")
    state = around(calm, waits, done, pod(done, made()))
    assert deleted(asleep, state) == ["delete Job orders-backup-1"]
    assert written(asleep, state) == {}
    assert written(asleep, state, "CronJob")["orders-backup"]["spec"]["suspend"] is True


def test_no_job_is_made_while_a_secret_is_missing_and_it_is_looked_for(calm: ObservedState) -> None:
    ready = around(calm)
    assert written(wish(), ready)
    lacking = replace(ready, lacking=("Secret shop/k does not exist",))
    assert written(wish(), lacking) == {}
    outcome = planned(wish(), lacking).outcome
    assert isinstance(outcome, Done | Waiting)
    assert outcome.after is not None
    assert outcome.after <= 10


def by_hand(name: str = "now", state: str = "", /) -> Manifest:
    """Give a Job as `kubectl create job --from=cronjob/orders-backup` makes it."""
    made_so = job(name, state)
    made_so["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] = "manual"
    return made_so


def test_hibernation_ends_a_job_that_somebody_made_with_an_event_and_deletes_none_that_has_ended() -> None:
    asleep = wish(hibernated=True)
    calm = settled(asleep, observed())
    done, failed_ = by_hand("done", "Complete"), by_hand("failed", "Failed")
    # The watch of Jobs was faster than that of pods, or the other way round.
    unread, over = by_hand("unread", "Complete"), by_hand("over")
    goes_on = pod(unread, running={}) | {"status": {"phase": "Running"}}
    ended = [pod(done, made()), pod(failed_, failed("RepositoryFull", "2026-07-01T02:00:05Z"))]
    state = around(calm, by_hand(), done, failed_, unread, over, goes_on, *ended, pod(over, made()))
    (ending,) = [a for a in planned(asleep, state).actions if isinstance(a, Delete)]
    assert (str(ending), ending.event) == ("delete Job now", "JobEnded")
    assert "hibernated is true" in ending.reason
    ours = [a for a in planned(asleep, around(calm, job())).actions if isinstance(a, Delete)]
    assert [each.event for each in ours] == [""]


def test_without_a_schedule_cronjobs_and_jobs_go(calm: ObservedState) -> None:
    cronjob = written(wish(), around(calm), "CronJob")["orders-backup"]
    ours = written(wish(), around(calm))["orders-backup-first"]
    live = [
        {**each, "metadata": {**each["metadata"], "uid": "u", "resourceVersion": "7"}}
        for each in (cronjob, ours)
    ]
    state = around(calm, *live, job("dump"))
    nothing = wish(backupSchedule="")
    assert deleted(nothing, state) == ["delete CronJob orders-backup", "delete Job orders-backup-first"]
    assert written(nothing, state) == written(nothing, state, "CronJob") == {}
    assert deleted(wish(), state) == []


def test_backups_are_verified_by_schedule_once_there_is_one(calm: ObservedState) -> None:
    want = wish(backup={"verify": {"schedule": "0 4 * * 0"}})
    calm = replace(settled(want, calm), seen=SOON)
    assert list(written(want, around(calm), "CronJob")) == ["orders-backup"]
    both = written(want, around(calm, of=KNOWN), "CronJob")
    assert both["orders-verify"]["spec"]["schedule"] == "0 4 * * 0"
    live = {**both["orders-verify"]}
    live["metadata"] = {**live["metadata"], "uid": "u", "resourceVersion": "7"}
    never = wish(backup={"verify": {"schedule": ""}})
    assert deleted(never, around(calm, live, of=KNOWN)) == ["delete CronJob orders-verify"]


@pytest.mark.parametrize(
    ("command", "reason", "ended"),
    [
        ("backup", "WrongEncryptionKey", True),
        ("backup", "BucketMissing", True),
        # Each try would make one more backup with these pages.
        ("backup", "BadPageChecksum", True),
        ("backup", "RepositoryUnreachable", False),
        ("backup", "WALMissing", False),
        ("verify", "WALMissing", True),
        ("verify", "RepositoryDamaged", True),
        ("verify", "NoRoom", True),
        ("verify", "RepositoryUnreachable", False),
        ("verify", "Interrupted", False),
    ],
)
def test_a_job_is_not_tried_again_for_a_reason_that_lasts(
    calm: ObservedState,
    command: str,
    reason: str,
    ended: bool,  # noqa: FBT001
) -> None:
    of = job("now", command=command)
    tried = pod(of, failed(reason, "2026-07-01T02:59:00Z", command=command))
    actions = planned(wish(), around(calm, of, tried, of=KNOWN)).actions
    assert [a for a in actions if isinstance(a, EndTries)] == (
        [EndTries("now", "5", f"{reason}: another try would end as this one")] if ended else []
    )
    # Not of one that is being tried again already, and none that has ended.
    again = pod(of, None, 2, running={"startedAt": "2026-07-01T02:59:30Z"})
    gone = job("now", "Failed", command=command)
    for state in (around(calm, of, tried, again, of=KNOWN), around(calm, gone, tried, of=KNOWN)):
        assert not [a for a in planned(wish(), state).actions if isinstance(a, EndTries)]


def waiting(command: str, minutes: int) -> tuple[Manifest, Manifest]:
    """Give a Job whose pod has waited for so long, at the moment `SOON`, for a volume."""
    of = job("now", command=command)
    found = pod(of)
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no disk"}
    found["status"] = {"phase": "Pending", "conditions": [unscheduled]}
    since = SOON - timedelta(minutes=minutes)
    found["metadata"]["creationTimestamp"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    return of, found


def test_a_verification_that_finds_no_room_is_given_up_and_says_why(calm: ObservedState) -> None:
    state = around(calm, *waiting("verify", 31), of=KNOWN)
    assert deleted(wish(), state) == ["delete Job now"]
    found = backups(state, "orders").record.verify_failure
    assert found == Failure(
        "2026-07-01T02:59:00Z", "NoRoom", "its pod did not start within 30 minutes: Unschedulable: no disk"
    )
    # Nothing new until it is gone, and what runs, or a backup that waits, stays.
    later = replace(state, seen=SOON + timedelta(minutes=1))
    assert backups(later, "orders").record.verify_failure == found
    of, _ = waiting("verify", 31)
    running = pod(of, running={"startedAt": "2026-07-01T02:00:01Z"})
    for other in (waiting("verify", 29), waiting("backup", 600), (of, running)):
        assert deleted(wish(), around(calm, *other, of=KNOWN)) == []


def test_the_next_look_is_when_a_verification_is_given_up(calm: ObservedState) -> None:
    state = around(calm, *waiting("verify", 10), of=KNOWN)
    for manifest in written(wish(), state, "CronJob").values():
        state = around(state, stamp(manifest), of=KNOWN)
    assert planned(wish(), state).outcome.after == timedelta(minutes=20, seconds=1).total_seconds()


def test_jobs_that_exist_are_never_changed(calm: ObservedState) -> None:
    want = replace(wish(), image="keddah.dev/keddah-postgres:17.7")
    assert written(want, around(calm, job("orders-backup-first"))) == {}


def test_what_ran_is_noted_beside_the_settings(calm: ObservedState) -> None:
    done = job("now", "Complete")
    bare = settings()
    state = around(calm, done, pod(done, made()), of=bare)
    note = noted(bare, backups(state, "orders").record, "uid")["metadata"]["annotations"][
        "keddah.dev/backups"
    ]
    assert '"last_backup":"2026-07-01T02:00:05Z"' in note
    again = around(calm, of=noted(bare, backups(state, "orders").record, "uid"))
    assert (
        noted(bare, backups(again, "orders").record, "uid")["metadata"]["annotations"]["keddah.dev/backups"]
        == note
    )


def test_the_next_look_is_when_a_backup_would_be_overdue(calm: ObservedState) -> None:
    state = around(calm, of=KNOWN)
    for kind in ("CronJob",):
        for manifest in written(wish(), state, kind).values():
            state = around(state, stamp(manifest), of=KNOWN)
    chosen = planned(wish(), state)
    assert (chosen.outcome.reason, chosen.outcome.after) == ("Ready", 6 * 3600)
    late = replace(state, seen=datetime(2026, 7, 3, 1, 59, tzinfo=UTC))
    assert planned(wish(), late).outcome.after == timedelta(seconds=61).total_seconds()
    assert planned(wish(), replace(state, seen=datetime(2026, 7, 4, tzinfo=UTC))).outcome.after is None
