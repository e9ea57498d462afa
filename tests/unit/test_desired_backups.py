"""The CronJobs and Jobs of backups."""

from __future__ import annotations

from typing import Any

import pytest

from controller.desired import backups as desired
from controller.desired import names
from controller.kube.objects import Manifest
from schemas.api.fields import LONGEST_NAME
from schemas.api.types import PostgreSQLDatabase
from tests.factory import typed_database

IMAGE = "keddah.dev/keddah-postgres:17.6"
ARCHIVE = "orders-1a2b3c4d-1"
S3 = {"repository": {"s3": {"bucket": "backups", "endpoint": "s3.example"}}}


def specs(db: PostgreSQLDatabase) -> list[Manifest]:
    """Give the pod specs of all Jobs."""
    cronjobs = [desired.backup_cronjob(db, IMAGE, ARCHIVE), desired.verify_cronjob(db, IMAGE, ARCHIVE, 1)]
    jobs = [
        desired.first_backup(db, IMAGE, ARCHIVE),
        desired.asked_backup(db, IMAGE, ARCHIVE, "ab"),
        desired.asked_verification(db, IMAGE, ARCHIVE, "ab", 1),
    ]
    templates = [cronjob["spec"]["jobTemplate"] for cronjob in cronjobs] + jobs
    return [each["spec"]["template"]["spec"] for each in templates]


def test_a_cronjob_is_as_declared() -> None:
    db = typed_database(backupSchedule="*/5 * * * *", backup={"timeZone": "Europe/Berlin", "suspended": True})
    spec = desired.backup_cronjob(db, IMAGE, ARCHIVE)["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("*/5 * * * *", "Europe/Berlin", True)
    assert spec["concurrencyPolicy"] == "Forbid"


def test_a_job_made_from_a_cronjob_by_hand_says_what_it_is() -> None:
    # `kubectl create job --from` copies labels and annotations of the template.
    job = desired.backup_cronjob(typed_database(), IMAGE, ARCHIVE)["spec"]["jobTemplate"]
    pod = job["spec"]["template"]
    for metadata in (job["metadata"], pod["metadata"]):
        assert metadata["labels"]["keddah.dev/run"] == "backup"
        assert metadata["labels"]["keddah.dev/database"] == "orders"
        assert metadata["labels"]["app.kubernetes.io/component"] == "backup"
    assert job["metadata"]["annotations"] == {"keddah.dev/archive": ARCHIVE}


@pytest.mark.parametrize(
    ("resources", "requested"),
    [
        ({}, "3m"),
        ({"requests": {"cpu": "600m"}}, "20m"),
        ({"limits": {"cpu": "600m"}}, "20m"),
        ({"requests": {"cpu": "400m"}, "limits": {"cpu": "4"}}, "13m"),
        ({"requests": {"cpu": 16}}, "50m"),
    ],
)
def test_a_job_gets_little_of_a_processor_that_the_database_needs(
    resources: dict[str, Any], requested: str
) -> None:
    for spec in specs(typed_database(resources=resources)):
        assert spec["containers"][0]["resources"]["requests"]["cpu"] == requested


@pytest.mark.parametrize("backup", [{}, S3])
def test_no_pod_has_a_token_or_may_write_to_its_image(backup: dict[str, Any]) -> None:
    for spec in specs(typed_database(backup=backup)):
        assert spec["automountServiceAccountToken"] is False
        assert spec["restartPolicy"] == "Never"
        (container,) = spec["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_a_backup_runs_where_the_repositorys_volume_is_and_anywhere_with_a_bucket() -> None:
    elsewhere = {"nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "db", "operator": "Exists"}]}
    volume = specs(typed_database(template=elsewhere))[0]
    (beside,) = volume["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert beside["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "repository"
    assert "nodeSelector" not in volume
    assert {"key": "db", "operator": "Exists"} in volume["tolerations"]
    bucket = specs(typed_database(template=elsewhere, backup=S3))[0]
    assert "affinity" not in bucket
    assert bucket["nodeSelector"] == {"disk": "fast"}


def test_a_verification_has_a_volume_of_its_own_and_not_the_repositorys() -> None:
    db = typed_database(storage={"size": "10Gi", "storageClassName": "fast"})
    spec = specs(db)[1]
    (scratch,) = [volume for volume in spec["volumes"] if "ephemeral" in volume]
    assert scratch["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"
    assert not [volume for volume in spec["volumes"] if "persistentVolumeClaim" in volume]
    (mount,) = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] == scratch["name"]]
    assert f"--scratch={mount['mountPath']}/scratch/data" in spec["containers"][0]["args"]


@pytest.mark.parametrize(
    ("gib", "size"), [(0, "4Gi"), (1.6, "4Gi"), (1.7, "8Gi"), (24, "32Gi"), (25, "64Gi"), (800, "1024Gi")]
)
def test_the_scratch_volume_has_room_for_the_database_and_wal(gib: float, size: str) -> None:
    assert desired.scratch_size(int(gib * (1 << 30))) == size


def test_all_names_fit() -> None:
    longest = "a" * LONGEST_NAME
    # CronJob, validateCronJobName: 52, for the controller adds 11 characters to a Job's 63.
    assert all(len(name) <= 52 for name in names.backup_cronjobs(longest))
    made = (
        names.first_backup(longest),
        names.asked_backup(longest, "0" * 8),
        names.asked_verification(longest, "0" * 8),
    )
    assert all(len(name) <= 63 for name in made)
