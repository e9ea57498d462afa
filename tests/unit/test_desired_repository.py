"""What pods are told about the repository, and how they get at it."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from controller.desired import names
from controller.desired.repository import bucket, enabled, volume
from controller.desired.repository.pod import Place, mounts, volumes
from controller.desired.repository.settings import archive_name, settings
from controller.protocol.settings import S3Repository, Settings, VolumeRepository
from schemas.api.fields import LONGEST_NAME
from schemas.api.types import PostgreSQLDatabase
from tests.factory import typed_database

BUCKET: dict[str, Any] = {
    "bucket": "backups",
    "endpoint": "s3.example:9000",
    "caSecret": {"name": "s3-ca"},
    "credentials": {"name": "s3-login"},
}
PLACES: tuple[Place, ...] = get_args(Place)


def on_s3(**repository: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    return typed_database(backup={"repository": {"s3": BUCKET, **repository}})


def secrets(db: PostgreSQLDatabase, place: Place) -> dict[str, list[str]]:
    """Give the paths that each Secret is mounted at, below the folder of the settings."""
    sources = volumes(db, place)[0]["projected"]["sources"]
    found = [source["secret"] for source in sources if "secret" in source]
    return {secret["name"]: [item["path"] for item in secret["items"]] for secret in found}


def test_only_an_empty_schedule_means_no_backups() -> None:
    assert enabled(typed_database())
    assert volume(typed_database()) is not None
    none = typed_database(backupSchedule="", backup={"repository": {"s3": BUCKET}})
    assert (enabled(none), volume(none), bucket(none)) == (False, None, None)


def test_an_archive_is_named_by_what_the_data_is_and_not_by_the_object() -> None:
    name = archive_name("orders", b"seed", "7300000000000000001")
    assert re.fullmatch("orders-[0-9a-f]{8}-7300000000000000001", name)
    assert archive_name("orders", b"seed", "7300000000000000002") != name
    assert archive_name("orders", b"another", "7300000000000000001") != name
    assert archive_name("orders", b"seed", "") == ""


def test_settings_are_read_as_they_were_written() -> None:
    longest = archive_name("a" * LONGEST_NAME, b"seed", str(2**64 - 1))
    for db in (typed_database(), on_s3()):
        written = settings(db, longest)
        assert Settings.read(written.text()) == written


def test_all_instances_that_there_are_or_will_be_can_be_backed_up() -> None:
    hosts = [f"orders-{number}.orders-pods.shop.svc" for number in range(3)]
    assert list(settings(typed_database(replicas=3), "a").members) == hosts
    assert list(settings(typed_database(replicas=1), "a", 3).members) == hosts


@pytest.mark.parametrize(
    ("resources", "processes"),
    [
        ({}, 1),
        ({"requests": {"cpu": "3900m"}}, 1),
        ({"requests": {"cpu": 4}}, 2),
        ({"limits": {"cpu": 8}}, 4),
        ({"requests": {"cpu": 64}}, 8),
    ],
)
def test_a_backup_leaves_the_database_more_processors_than_it_takes(
    resources: dict[str, Any], processes: int
) -> None:
    assert settings(typed_database(resources=resources), "a").processes == processes


def test_both_sides_know_each_other_even_by_names_that_are_cut() -> None:
    db = typed_database("a" * LONGEST_NAME, "b" * 63)
    member, server = settings(db, "a").clients
    assert member != server
    assert max(len(member), len(server)) <= 64


def test_a_volume_is_reached_through_its_server() -> None:
    repository = settings(typed_database(), "a").repository
    assert repository == VolumeRepository(host="orders-repository.shop.svc")


def test_a_bucket_has_a_folder_for_each_database() -> None:
    repository = settings(on_s3(), "a").repository
    assert isinstance(repository, S3Repository)
    assert repository.path == "/shop/orders"
    given = settings(typed_database(backup={"repository": {"s3": BUCKET | {"path": "/own"}}}), "a").repository
    assert isinstance(given, S3Repository)
    assert given.path == "/own"


@pytest.mark.parametrize("place", PLACES)
def test_every_file_that_the_settings_name_is_mounted(place: Place) -> None:
    db = on_s3(encryption={})
    told = settings(db, "a")
    assert isinstance(told.repository, S3Repository)
    paths = [f"/etc/keddah/backup/{path}" for each in secrets(db, place).values() for path in each]
    assert {told.repository.ca_file, told.encryption_key_file, f"{told.tls}/tls.key"} <= set(paths)
    assert f"{told.repository.credentials}/secretAccessKey" in paths


def test_a_member_has_its_own_certificate_and_not_the_key_of_a_volume() -> None:
    db = typed_database(backup={"repository": {"encryption": {}}})
    assert set(secrets(db, "member")) == {"orders-tls"}
    assert set(secrets(db, "job")) == {"orders-repository-tls", "orders-encryption"}
    given = {"encryption": {"secret": {"name": "own", "key": "password"}}}
    assert "own" in secrets(typed_database(backup={"repository": given}), "repository")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["volume", "s3"])
def test_every_mount_has_a_volume(kind: str, place: Place) -> None:
    db = on_s3() if kind == "s3" else typed_database()
    others = {"member": {"data", "run"}, "repository": {"repository"}, "job": set()}[place]
    given = {each["name"] for each in volumes(db, place)} | (
        others if kind == "volume" or place == "member" else set()
    )
    assert {mount["name"] for mount in mounts(db, place)} == given


def test_a_secret_that_is_missing_keeps_no_pod_from_starting() -> None:
    sources = volumes(on_s3(encryption={}), "member")[0]["projected"]["sources"]
    needed = [
        next(iter(source.values()))["name"]
        for source in sources
        if not next(iter(source.values())).get("optional")
    ]
    assert needed == ["orders-tls"]


def test_the_name_of_a_volume_repository_leaves_room_for_its_revision() -> None:
    """A pod's label controller-revision-hash: the StatefulSet's name, and up to ten characters more."""
    for length in range(1, LONGEST_NAME + 1):
        name = names.repository("a" * length)
        assert len(f"{name}-0123456789") <= 63
        assert name.endswith("-repository")
    assert names.repository("a" * 44 + "b") != names.repository("a" * 45)
    assert names.repository("orders") == "orders-repository"
