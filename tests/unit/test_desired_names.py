"""Names of children, and the names of databases that would be theirs."""

from __future__ import annotations

from collections.abc import Iterator

from controller.desired import names
from controller.desired.backups import cronjobs, jobs
from controller.desired.instances import children
from controller.desired.repository import children as repository
from controller.desired.restore import server
from controller.kube.objects import Manifest
from schemas.api.backup import VolumeRepository
from schemas.api.types import PostgreSQLDatabase
from schemas.rules.name import CHILDREN
from tests.factory import typed_database

DIGEST = "1a2b3c4d"


def occupied(name: str) -> set[tuple[str, str]]:
    """Give kind and name of everything that a database makes, by others too."""
    db = typed_database(name, "shop", replicas=9)
    instances = children(db, "image", instances=9, operator_namespace="keddah-system")
    made = {(m["kind"], m["metadata"]["name"]) for m in (*instances, *_for_backups(db))}
    patroni = {("ConfigMap", state) for state in names.patroni_state(name)}
    others = {
        ("ConfigMap", names.backup_settings(name)),
        ("ConfigMap", names.restore_request(name)),
        ("ConfigMap", names.secrets_watch(name)),
        ("PersistentVolumeClaim", names.repository_claim(name)),
        ("Pod", names.repository_pod(name)),
        ("Pod", f"{names.source(name)}-0"),
        ("Secret", names.source(name)),
    }
    kept = {names.encryption_secret(name), names.repository_tls_secret(name)}
    secrets = {("Secret", secret) for secret in (*names.secrets(name), *kept)}
    pods = {("Pod", names.pod(name, ordinal)) for ordinal in range(9)}
    claims = {("PersistentVolumeClaim", names.claim(name, ordinal)) for ordinal in range(9)}
    return made | patroni | others | secrets | pods | claims


def _for_backups(db: PostgreSQLDatabase) -> Iterator[Manifest]:
    yield from (repository.account(db), repository.service(db), repository.network_policy(db))
    yield repository.statefulset(db, VolumeRepository(), "image", running=True)
    yield cronjobs.backup_cronjob(db, "image", "archive")
    yield cronjobs.verify_cronjob(db, "image", "archive", 1)
    yield jobs.first_backup(db, "image", "archive")
    yield jobs.last_backup(db, "image", "archive")
    yield jobs.asked_backup(db, "image", "archive", DIGEST)
    yield jobs.asked_verification(db, "image", "archive", DIGEST, 1)
    yield from server.server(db, "image", "claim")
    yield server.network_policy(db, server.pods("another"))


def test_exactly_the_names_that_would_take_another_databases_children_are_refused() -> None:
    """No -backup and no -verify is among them: no database has a CronJob or account of its own name."""
    children = {name.removeprefix("data-") for _, name in occupied("a")} - {"a"}
    clashing = {name for name in children if occupied("a") & occupied(name)}
    endings = {name.removeprefix("a-") for name in clashing}
    assert endings == {"ro", "pods", "repository", "source"}
    assert endings <= set(CHILDREN)
    # What is to come is refused already: a stored database could not be renamed.
    assert not {ending for ending in CHILDREN if f"a-{ending}" in children} - endings


def test_a_name_that_is_as_long_as_may_be_fits_all_of_its_children() -> None:
    """As labels, hosts, names of Jobs and revisions of StatefulSets they have 63 characters at most."""
    revision, run = "-5d8f7c9b6f", "-29384756"
    for kind, name in occupied("o" * 45):
        ending = {"StatefulSet": revision, "CronJob": run}.get(kind, "")
        if kind not in {
            "Secret",
            "ConfigMap",
            "PersistentVolumeClaim",
            "ServiceAccount",
            "Role",
            "RoleBinding",
        }:
            assert len(name + ending) <= 63, (kind, name)
