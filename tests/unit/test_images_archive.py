"""An archive that is not there: to the archiver a file is missing; the server beside it finds out why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.protocol.settings import Reason, S3Repository, Settings
from deploy.images.backup.archiving import queue
from deploy.images.backup.serving import Archive

NAME = "orders-1a2b"
NOT_THERE = (
    "103\nunable to find a valid repository:\nHINT: archive.info cannot be opened but is required to push"
)
NO_BUCKET = "HTTP request failed with 404 (Not Found): <Error><Code>NoSuchBucket</Code></Error>"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the settings of an instance whose archiver finds no archive."""
    found = Settings(
        archive=NAME,
        data=str(tmp_path / "data"),
        repository=S3Repository(bucket="backups", endpoint="s3.example", path="/shop/orders"),
        spool=str(tmp_path / "spool"),
    )
    status, errors = tmp_path / "data/pg_wal/archive_status", tmp_path / f"spool/archive/{NAME}/out"
    status.mkdir(parents=True)
    errors.mkdir(parents=True)
    (status / "000000010000000000000001.ready").touch()
    (errors / "global.error").write_text(NOT_THERE)
    return found


def archive(folder: Path) -> Archive:
    """Give the part of the server that makes the archive; its program prints a file of that folder."""
    program = folder / "pgbackrest"
    program.write_text(f"#!/bin/sh\ncat {folder}/information\n")
    program.chmod(0o755)
    return Archive("member", {"PATH": f"{folder}:/usr/bin:/bin"}, lambda _: None, folder / "problem")


def inform(folder: Path, code: int, message: str) -> None:
    repository = {"status": {"code": code, "message": message}}
    said = [{"name": NAME, "status": {"code": code}, "repo": [repository]}]
    (folder / "information").write_text(json.dumps(said))


def test_a_bucket_that_is_missing_is_told_by_the_server_beside_the_archiver(
    settings: Settings, tmp_path: Path
) -> None:
    beside = archive(tmp_path)
    inform(tmp_path, 0, "ok")
    beside.prepare(lambda: settings)
    assert beside.prepared
    # The error is from before; the archiver tries again.
    assert queue(settings, tmp_path / "problem").reason == ""
    inform(tmp_path, 99, NO_BUCKET)
    beside.prepare(lambda: settings)
    found = queue(settings, tmp_path / "problem")
    assert found.reason == Reason.BUCKET_MISSING
    assert "NoSuchBucket" in found.message
    inform(tmp_path, 0, "ok")
    beside.prepare(lambda: settings)
    assert queue(settings, tmp_path / "problem").reason == ""


def test_a_bucket_that_was_never_there_is_told_too(settings: Settings, tmp_path: Path) -> None:
    beside = archive(tmp_path)
    inform(tmp_path, 99, NO_BUCKET)
    beside.prepare(lambda: settings)
    assert not beside.prepared
    assert queue(settings, tmp_path / "problem").reason == Reason.BUCKET_MISSING


def test_an_archive_that_is_there_is_not_looked_at_again_while_nothing_waits(
    settings: Settings, tmp_path: Path
) -> None:
    beside = archive(tmp_path)
    inform(tmp_path, 0, "ok")
    beside.prepare(lambda: settings)
    (tmp_path / "data/pg_wal/archive_status/000000010000000000000001.ready").unlink()
    inform(tmp_path, 99, NO_BUCKET)
    beside.prepare(lambda: settings)
    assert not (tmp_path / "problem").exists()
