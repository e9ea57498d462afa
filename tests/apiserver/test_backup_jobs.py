"""Backups by Kubernetes' own CronJob and Job controllers; their pods are played."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.children import KIND, condition, events, wait_condition
from tests.controller_process import ControllerProcess
from tests.job_kubelet import JobKubelet, bad, good
from tests.kubelet import Kubelet
from tests.rest import path
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kubectl import Kubectl
    from tests.rest import Rest

CLASS = "backup-jobs"
CLAIM = "repository-orders-repository-0"
RARELY = "0 0 29 2 *"
"""A schedule that does not come while the test runs."""
RESTING_SECONDS = 5

pytestmark = pytest.mark.usefixtures("controller", "storage_class")


class Shop:
    """One namespace in which a database `orders` is backed up."""

    def __init__(self, rest: Rest, namespace: str, kubelet: Kubelet, jobs: JobKubelet) -> None:
        self.rest, self.namespace, self.kubelet, self.jobs = rest, namespace, kubelet, jobs

    def create(self, **spec: Any) -> None:  # noqa: ANN401 - as YAML has it
        """Create the database, with a volume repository and no verification unless told otherwise."""
        volume = {"volume": {"size": "1Gi", "storageClassName": CLASS}}
        whole = {
            "version": "17",
            "replicas": 1,
            "storage": {"storageClassName": CLASS},
            "backupSchedule": RARELY,
            "backup": {"repository": volume, "verify": {"schedule": ""}},
        }
        self.rest.create(factory.submitted("orders", self.namespace, **whole | spec)).expect()

    def change(self, **spec: Any) -> None:  # noqa: ANN401 - as YAML has it
        """Change some fields of the spec."""
        self.rest.merge(KIND, self.namespace, "orders", {"spec": spec}).expect()

    def ask(self, annotation: str, value: str) -> None:
        """Annotate the database."""
        change = {"metadata": {"annotations": {f"keddah.dev/{annotation}": value}}}
        self.rest.merge(KIND, self.namespace, "orders", change).expect()

    def status(self) -> dict[str, Any]:
        """Read the database's status."""
        found: dict[str, Any] = (self.rest.get(KIND, self.namespace, "orders") or {}).get("status") or {}
        return found

    def until_backed_up(self, reason: str = "BackupRecent") -> dict[str, Any]:
        """Wait until the condition has this reason."""
        return wait_condition(self.rest, self.namespace, "BackedUp", reason, seconds=40)

    def until_ran(self, *names: str) -> None:
        """Wait until the pods of these Jobs have ended, in this order."""
        until(lambda: self.jobs.ran == list(names), 30, lambda: self.jobs.ran)

    def job_names(self) -> list[str]:
        """Name all Jobs."""
        return [job["metadata"]["name"] for job in self.rest.list("Job", self.namespace)]

    def told(self) -> list[str]:
        """Give the reasons of the events about backups, the oldest first."""
        return [each.partition(":")[0] for each in events(self.rest, self.namespace) if "Backup" in each]

    def delete(self) -> None:
        """Delete the database, and wait until it is gone."""
        self.rest.delete(KIND, self.namespace, "orders").expect()
        until(lambda: self.rest.get(KIND, self.namespace, "orders") is None, 60, self.status)

    def bind(self, job: str) -> None:
        """Have the pod of a Job be on a node: one that is on none keeps no claim (pvc-protection)."""
        label = f"batch.kubernetes.io/job-name={job}"
        [pod] = self.rest.list("Pod", self.namespace, labelSelector=label)
        name = pod["metadata"]["name"]
        target = {"apiVersion": "v1", "kind": "Node", "name": "node"}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        self.rest.send("POST", path("Pod", self.namespace, name, "binding"), body).expect()

    def volume(self) -> str:
        """Give the UID of the repository's claim; "" while there is none, or it is on its way out."""
        claim = self.rest.get("PersistentVolumeClaim", self.namespace, CLAIM) or {"metadata": {}}
        return "" if "deletionTimestamp" in claim["metadata"] else str(claim["metadata"].get("uid", ""))

    def record(self) -> str:
        """Read what is remembered."""
        settings = self.rest.get("ConfigMap", self.namespace, "orders-backup") or {"metadata": {}}
        return str((settings["metadata"].get("annotations") or {}).get("keddah.dev/backups", ""))


@pytest.fixture
def shop(rest: Rest, restricted: str) -> Iterator[Shop]:
    with Kubelet(rest, restricted) as kubelet, JobKubelet(rest, restricted) as jobs:
        yield Shop(rest, restricted, kubelet, jobs)


def test_the_first_backup_is_made_by_itself_and_told(shop: Shop, kubectl: Kubectl) -> None:
    shop.create()
    shop.until_backed_up()
    status = shop.status()
    assert status["lastBackupTime"]
    assert status["backups"]["count"] == 1
    shop.until_ran("orders-backup-first")
    until(lambda: shop.told() == ["BackupMade"], 10, shop.told)
    columns = kubectl.good("get", "pgdb", "orders", "-n", shop.namespace)
    assert "LAST BACKUP" in columns


def test_a_backup_on_demand_is_made_once_for_each_name_and_one_at_a_time(
    shop: Shop, kubectl: Kubectl
) -> None:
    shop.create()
    shop.until_backed_up()
    shop.jobs.open.clear()
    shop.ask("backup-now", "before-release")
    asked = until(lambda: [name for name in shop.job_names() if name != "orders-backup-first"], 20)
    # Another is asked for meanwhile; the first one is still carried out, and this one after it.
    shop.ask("backup-now", "after-release")
    time.sleep(RESTING_SECONDS)
    assert [name for name in shop.job_names() if name != "orders-backup-first"] == asked
    shop.jobs.open.set()
    until(lambda: len(shop.jobs.ran) == 3, 30, lambda: shop.jobs.ran)
    shop.ask("backup-now", "before-release")
    time.sleep(RESTING_SECONDS)
    assert len(shop.jobs.ran) == 3
    kubectl.good("create", "job", "now", "--from=cronjob/orders-backup", "-n", shop.namespace)
    until(lambda: shop.jobs.ran[3:] == ["now"], 30, lambda: shop.jobs.ran)
    before = shop.status()["lastBackupTime"]
    until(lambda: '"requests":' in shop.record(), 10, shop.record)
    assert shop.status()["lastBackupTime"] >= before


def test_the_cronjob_makes_backups_and_a_failed_one_blocks_none(shop: Shop) -> None:
    said = iter([good("backup"), *(bad("RepositoryFull", "no space left") for _ in range(4))])
    shop.jobs.says = lambda command: next(said, good(command))
    shop.create(backupSchedule="* * * * *")
    first = shop.until_backed_up()
    assert first["status"] == "True"
    failure = until(lambda: shop.status()["backups"].get("lastError"), 240, shop.status)
    assert failure["reason"] == "RepositoryFull"
    until(lambda: "BackupFailed" in shop.told(), 10, shop.told)
    last = shop.status()["lastBackupTime"]
    until(lambda: shop.status()["lastBackupTime"] > last, 120, shop.status)
    assert "lastError" not in shop.status()["backups"]
    assert all(name == "orders-backup-first" or name.startswith("orders-backup-2") for name in shop.jobs.ran)


def test_a_first_backup_that_fails_tells_why(shop: Shop) -> None:
    shop.jobs.says = lambda _: bad("CredentialsRefused", "the access key is unknown")
    shop.create()
    told = wait_condition(shop.rest, shop.namespace, "BackedUp", "BackupFailed", seconds=40)
    assert told["status"] == "False"
    assert told["message"] == "CredentialsRefused: the access key is unknown"
    assert shop.status()["backups"]["lastError"]["reason"] == "CredentialsRefused"
    # Another try would have ended alike: three more were to come.
    job = shop.rest.get("Job", shop.namespace, "orders-backup-first")
    assert job
    assert job["spec"]["backoffLimit"] == 0
    assert len(shop.jobs.ran) < 4


def test_a_killed_pod_is_tried_again(shop: Shop) -> None:
    said = iter([None])
    shop.jobs.says = lambda command: next(said, good(command))
    shop.create()
    assert shop.until_backed_up()["status"] == "True"
    assert shop.jobs.ran == ["orders-backup-first"] * 2


def test_hibernation_ends_jobs_and_waking_makes_what_was_asked_for(shop: Shop, kubectl: Kubectl) -> None:
    shop.create()
    shop.until_backed_up()
    by_hand = ("--from=cronjob/orders-backup", "-n", shop.namespace)
    kubectl.good("create", "job", "done", *by_hand)
    shop.until_ran("orders-backup-first", "done")
    shop.jobs.open.clear()
    shop.ask("backup-now", "x")
    (name,) = until(lambda: set(shop.job_names()) - {"orders-backup-first", "done"}, 20)
    kubectl.good("create", "job", "now", *by_hand)
    shop.change(hibernated=True)
    until(lambda: {name, "now"}.isdisjoint(shop.job_names()), 20, shop.job_names)
    assert "done" in shop.job_names()
    until(lambda: "JobEnded: delete Job now" in "\n".join(events(shop.rest, shop.namespace)), 10)
    cronjob = shop.rest.get("CronJob", shop.namespace, "orders-backup")
    assert cronjob
    assert cronjob["spec"]["suspend"] is True
    assert condition(shop.rest, shop.namespace, "BackedUp")["status"] == "True"
    shop.jobs.open.set()
    shop.change(hibernated=False)
    until(lambda: name in shop.jobs.ran, 60, lambda: shop.jobs.ran)


def test_no_schedule_means_no_cronjob_and_no_job(shop: Shop) -> None:
    shop.create()
    shop.until_backed_up()
    shop.change(backupSchedule="")
    until(lambda: not shop.job_names(), 20, shop.job_names)
    assert shop.rest.list("CronJob", shop.namespace) == []
    wait_condition(shop.rest, shop.namespace, "BackedUp", "NoSchedule")


def test_what_is_known_outlives_jobs_controller_and_object(
    shop: Shop, controller: ControllerProcess, controller_kubeconfig: Path, tmp_path: Path
) -> None:
    del controller, controller_kubeconfig, tmp_path
    shop.create()
    shop.until_backed_up()
    last = shop.status()["lastBackupTime"]
    until(lambda: last in shop.record(), 10, shop.record)
    shop.rest.delete(KIND, shop.namespace, "orders").expect()
    until(lambda: not shop.job_names() and shop.rest.get(KIND, shop.namespace, "orders") is None, 30)
    shop.jobs.says = lambda _: bad("Failed", "no other backup was to be made")
    shop.create()
    shop.until_backed_up()
    assert shop.status()["lastBackupTime"] == last
    time.sleep(RESTING_SECONDS)
    assert shop.jobs.ran == ["orders-backup-first"]


def test_a_verification_by_schedule_and_on_demand(shop: Shop) -> None:
    volume = {"volume": {"size": "1Gi", "storageClassName": CLASS}}
    shop.create(backup={"repository": volume, "verify": {"schedule": RARELY}})
    shop.until_backed_up()
    until(lambda: shop.rest.get("CronJob", shop.namespace, "orders-verify"), 20)
    shop.ask("verify-now", "audit")
    until(lambda: shop.status()["backups"].get("lastVerifiedTime"), 30, shop.status)
    until(lambda: "BackupVerified" in shop.told(), 10, shop.told)
    shop.jobs.says = lambda command: bad("WALMissing", "before segment 7", command)
    shop.ask("verify-now", "again")
    found = wait_condition(shop.rest, shop.namespace, "BackedUp", "VerificationFailed", seconds=60)
    assert "WALMissing: before segment 7" in found["message"]
    assert shop.status()["backups"]["lastVerifiedTime"]


def test_on_a_volume_that_is_made_anew_there_is_no_backup_and_one_is_made(shop: Shop) -> None:
    shop.create()
    shop.until_backed_up()
    shop.jobs.open.clear()
    before = shop.volume()
    # No pod that uses the claim may be left, nor one that has ended.
    shop.rest.delete("Job", shop.namespace, "orders-backup-first").expect()
    shop.rest.delete("PersistentVolumeClaim", shop.namespace, CLAIM).expect()
    shop.rest.delete("Pod", shop.namespace, "orders-repository-0", gracePeriodSeconds=0).expect()
    until(lambda: shop.volume() not in ("", before), 60, shop.volume)
    shop.until_backed_up("RepositoryReplaced")
    assert "count" not in shop.status().get("backups", {})
    told = "RepositoryReplaced: the repository's volume was made anew"
    until(lambda: any(each.startswith(told) for each in events(shop.rest, shop.namespace)), 10)
    shop.jobs.open.set()
    shop.until_backed_up()
    assert shop.jobs.ran == ["orders-backup-first"] * 2


def test_the_last_backup_of_a_former_database_outlives_another_of_its_name(shop: Shop) -> None:
    volume = {"volume": {"size": "1Gi", "storageClassName": CLASS}}
    last = {"repository": volume, "verify": {"schedule": ""}, "finalBackup": True}
    shop.create(deletionPolicy="Delete", backup=last)
    shop.until_backed_up()
    former = shop.kubelet.identifier
    shop.delete()
    held = shop.volume()
    shop.kubelet.identifier = "7300000000000000002"
    shop.jobs.open.clear()
    shop.create(deletionPolicy="Delete")
    told = shop.until_backed_up("FirstBackup")["message"]
    assert f"-{former} (newest " in told
    shop.jobs.open.set()
    shop.until_backed_up()
    shop.delete()
    assert shop.volume() == held != ""
    assert former in shop.record()
    assert shop.rest.get("Secret", shop.namespace, "orders-keys")
    assert shop.rest.get("Secret", shop.namespace, "orders-app") is None


def test_a_deletion_with_all_data_waits_for_no_job_that_has_ended(shop: Shop) -> None:
    shop.create(deletionPolicy="Delete")
    shop.until_backed_up()
    shop.until_ran("orders-backup-first")
    shop.bind("orders-backup-first")
    shop.delete()
    assert shop.rest.list("PersistentVolumeClaim", shop.namespace) == []
    assert shop.job_names() == []
