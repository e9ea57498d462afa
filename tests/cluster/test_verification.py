"""The newest backup is restored on a real node and looked at; what is damaged in the repository is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.repositories import REPOSITORY, segments, switched, until_archived
from tests.waiting import until

POLICY, ADMISSION = "MutatingAdmissionPolicy", "admissionregistration.k8s.io/v1"
RARELY = "0 0 29 2 *"
"""A schedule that does not come while the test runs."""
FLIP = r"""file=$(find /var/lib/keddah-repository/backup -path '*/bundle/*' -type f | head -1)
test -n "$file" && printf '\377\000\377' | dd of="$file" bs=1 seek=5000 conv=notrunc"""


@pytest.fixture(scope="module")
def proven(cluster: Cluster, made: Callable[[], str]) -> Iterator[Database]:
    """Give a database with a first backup and rows that came after it."""
    database = Database(cluster, made(), "proven")
    database.apply(replicas=1, backupSchedule=RARELY, backup={"verify": {"schedule": RARELY}}).expect()
    database.settled()
    database.until_condition("BackedUp", "BackupRecent", 180)
    database.sql("CREATE TABLE later AS SELECT n FROM generate_series(1, 1000) AS n")
    yield database
    database.delete()


def verify(database: Database, name: str) -> None:
    command = ("annotate", "--overwrite", "pgdb", database.name, f"keddah.dev/verify-now={name}")
    database.cluster.good("--namespace", database.namespace, *command)


def story(database: Database) -> str:
    """Tell what the Jobs and their pods say, too."""
    told = [database.story()]
    for pod in database.component_pods("backup"):
        told.append(f"{pod['metadata']['name']}: {pod['status'].get('containerStatuses')}")
        told.append(database.cluster("--namespace", database.namespace, "logs", pod["metadata"]["name"]).out)
    return "\n".join(told)


def test_a_good_backup_is_proven_by_restoring_it(proven: Database) -> None:
    assert proven.child("CronJob", "proven-verify")["spec"]["schedule"] == RARELY
    verify(proven, "audit")
    until(lambda: proven.status()["backups"].get("lastVerifiedTime"), 180, lambda: story(proven), POLL)
    proven.until_told("BackupVerified: ")
    assert proven.condition("BackedUp")["status"] == "True"
    # The scratch volume goes with its pod.
    proven.cluster.good("--namespace", proven.namespace, "delete", "job", "--selector=keddah.dev/run=verify")
    claims = ("get", "pvc", "--namespace", proven.namespace, "-o", "name")
    until(lambda: "scratch" not in proven.cluster.good(*claims), 60, lambda: story(proven), POLL)


def beside_repository(database: Database, script: str) -> str:
    where = ("--namespace", database.namespace, "exec", f"{database.name}-repository-0", "--", "sh", "-c")
    return database.cluster.good(*where, script)


def until_disproved(database: Database, reason: str) -> None:
    def found() -> bool:
        told = database.condition("BackedUp")
        begins = f"the newest backup does not restore: {reason}"
        return told.get("reason") == "VerificationFailed" and told["message"].startswith(begins)

    until(found, 240, lambda: story(database), POLL)
    assert database.condition("BackedUp")["status"] == "False"
    database.until_told(f"VerificationFailed: {reason}: ")
    error = database.status()["backups"]["lastError"]
    assert (error["reason"], error["message"][:14]) == (reason, "verification: ")


def test_a_wal_segment_that_is_gone_from_the_repository_is_found(proven: Database) -> None:
    for _ in range(3):
        newest = switched(proven)
    until_archived(proven, newest)
    second_last = segments(proven)[-2]
    path = f"$(find {REPOSITORY}/archive -name '{second_last}-*.zst')"
    beside_repository(proven, f"file={path}; test -n $file && mv $file {REPOSITORY}/aside.zst && echo $file")
    try:
        verify(proven, "after-loss")
        until_disproved(proven, "WALMissing")
    finally:
        folder = f"$(dirname $(find {REPOSITORY}/archive -name '{newest}-*.zst'))"
        beside_repository(proven, f"mv {REPOSITORY}/aside.zst {folder}/")


def test_flipped_bytes_in_the_repository_are_found(proven: Database) -> None:
    beside_repository(proven, FLIP)
    verify(proven, "after-damage")
    until_disproved(proven, "RepositoryDamaged")


@contextmanager
def small_scratch(database: Database) -> Iterator[None]:
    """Give every verification less room than it asks for, as storage does that knows no sizes."""
    name, rest = f"small-{database.namespace}", database.cluster.rest
    small = """[JSONPatch{op: "replace",
 path: "/spec/volumes/" + string(object.spec.volumes.map(v, v.name).indexOf("scratch")),
 value: {"name": dyn("scratch"), "emptyDir": dyn({"medium": "Memory", "sizeLimit": "16Mi"})}}]"""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    matched = {
        "resourceRules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": database.namespace}},
        "objectSelector": {"matchLabels": {"keddah.dev/run": "verify"}},
    }
    policy = {
        "matchConstraints": matched,
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": small}}],
    }
    for kind, spec in ((POLICY, policy), (f"{POLICY}Binding", {"policyName": name})):
        manifest = {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        rest.create(manifest).expect()
    try:
        until(lambda: _small(database), 30, poll=POLL)
        yield
    finally:
        for kind in (f"{POLICY}Binding", POLICY):
            rest.delete(kind, None, name)


def _small(database: Database) -> bool:
    """Whether the policy is in force: it is so some seconds after it was made."""
    job = database.child("CronJob", f"{database.name}-verify")["spec"]["jobTemplate"]["spec"]
    metadata = {"name": "probe", "namespace": database.namespace, **job["template"]["metadata"]}
    probe = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": job["template"]["spec"]}
    made = database.cluster.rest.create(probe, dryRun="All").expect()
    return any(volume["name"] == "scratch" and "emptyDir" in volume for volume in made["spec"]["volumes"])


def test_a_verification_without_room_is_skipped_and_says_why(proven: Database) -> None:
    before = proven.condition("BackedUp")
    with small_scratch(proven):
        verify(proven, "without-room")
        begins = "VerificationSkipped: NoRoom: verification: "
        told = until(
            lambda: next((e for e in proven.events() if e.startswith(begins)), ""),
            180,
            lambda: story(proven),
            POLL,
        )
    error = proven.status()["backups"]["lastError"]
    assert error["reason"] == "NoRoom"
    assert error["message"] in told
    assert "bytes are to be restored" in error["message"]
    # It says nothing of the backup.
    assert proven.condition("BackedUp") == before
