"""What the controller and the programs that back up tell each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.protocol.results import MESSAGE_BYTES, Contents, Made, Proof, Result
from controller.protocol.settings import (
    ProtocolError,
    Reason,
    RestoreRequest,
    S3Repository,
    Settings,
    VolumeRepository,
)

VOLUME = Settings(archive="orders-1a2b", data="/data", repository=VolumeRepository(host="orders-repository"))
BUCKET = Settings(
    archive="orders-1a2b",
    data="/data",
    repository=S3Repository(bucket="b", endpoint="https://s3.example:9000", path="/shop/orders"),
    members=("orders-0.orders-pods", "orders-1.orders-pods"),
    clients=("orders-repository",),
)


@pytest.mark.parametrize("settings", [VOLUME, BUCKET])
def test_settings_are_read_as_they_were_written(settings: Settings) -> None:
    assert Settings.read(settings.text()) == settings


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        VOLUME.text().replace("host", "guest"),
        VOLUME.text().replace("orders-1a2b", "../orders"),
        VOLUME.text().replace("orders-1a2b", "orders; rm -r /"),
    ],
)
def test_what_is_no_settings_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        Settings.read(text)


def test_a_result_is_read_as_it_was_written() -> None:
    result = Result(
        "backup",
        "2026-11-29T10:00:00Z",
        "2026-11-29T10:01:00Z",
        made=Made("20261129-100000F", "Full", "2026-11-29T10:00:00Z", "2026-11-29T10:00:50Z", 7, 3),
        proof=Proof("20261129-100000F", "2026-11-29T10:00:50Z", "2026-11-29T10:00:59Z", "0" * 24, 2, True),
        contents=Contents(backups=1),
    )
    assert Result.read(result.text()) == result


@pytest.mark.parametrize("character", ["a", "ä", "\N{ELEPHANT}", '"'])
def test_a_long_message_is_cut_to_what_the_kubelet_keeps(character: str) -> None:
    result = Result("verify", "a", "b", Reason.OTHER, character * 5000, contents=Contents(backups=3))
    text = result.text()
    assert MESSAGE_BYTES - 8 <= len(text.encode()) <= MESSAGE_BYTES
    read = Result.read(text)
    assert read is not None
    assert read.contents == Contents(backups=3)


@pytest.mark.parametrize("text", ["", "Killed", "[]", "3", '{"command": "backup"}', '{"made": 3}'])
def test_what_a_killed_container_leaves_is_no_result(text: str) -> None:
    assert Result.read(text) is None


def test_what_a_newer_image_adds_is_left_out() -> None:
    said = json.loads(Result("backup", "a", "b", contents=Contents(backups=1)).text())
    said["mood"] = said["contents"]["mood"] = "good"
    assert Result.read(json.dumps(said)) == Result("backup", "a", "b", contents=Contents(backups=1))


OLD_SETTINGS = """{"archive": "orders-1a2b", "archive_timeout_seconds": 60, "clients": ["orders-repository"],
    "data": "/data", "encryption_key_file": "", "full_every_seconds": 604800,
    "members": ["orders-0.orders-pods", "orders-1.orders-pods"], "port": 8432, "processes": 2,
    "repository": {"addressing": "Path", "bucket": "b", "ca_file": "", "credentials": "",
    "endpoint": "https://s3.example:9000", "path": "/shop/orders", "region": "us-east-1"},
    "retention_days": 14, "socket": "/run/postgresql", "spool": "/var/lib/postgresql/spool",
    "tls": "/etc/keddah/backup/tls"}"""
OLD_REQUEST = f"""{{"aside": "", "back": false, "database": "app", "lsn": "", "name": "",
    "only_archive": false, "source": {OLD_SETTINGS}, "time": "2026-11-29T10:00:00Z", "whole": true}}"""
OLD_RESULT = """{"command": "backup", "started": "2026-11-29T10:00:00Z", "ended": "2026-11-29T10:01:00Z",
    "contents": {"backups": 1}, "version": 1}"""
"""As keddah 0.1.0 writes them: they never change, so what is read is what was meant."""


def test_what_an_older_controller_or_image_wrote_is_understood() -> None:
    source = replace(BUCKET, processes=2)
    assert Settings.read(OLD_SETTINGS) == source
    assert RestoreRequest.read(OLD_REQUEST) == RestoreRequest(
        source=source, time="2026-11-29T10:00:00Z", whole=True, database="app"
    )
    assert Result.read(OLD_RESULT) == Result(
        "backup", "2026-11-29T10:00:00Z", "2026-11-29T10:01:00Z", contents=Contents(backups=1)
    )


def newer(text: str) -> str:
    """Add an entry to a text, and to every part of it, as a newer release may."""

    def grown(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {**{name: grown(each) for name, each in value.items()}, "added": {"later": 1}}
        return value

    return json.dumps(grown(json.loads(text)))


def test_what_a_newer_controller_or_image_adds_is_left_out() -> None:
    for settings in (VOLUME, BUCKET):
        assert Settings.read(newer(settings.text())) == settings
    request = RestoreRequest(source=VOLUME, lsn="0/3000000")
    assert RestoreRequest.read(newer(request.text())) == request
    assert Result.read(newer(OLD_RESULT)) == Result.read(OLD_RESULT)
