"""What the controller and the programs that back up tell each other."""

from __future__ import annotations

import json

import pytest

from controller.backup_protocol import (
    MESSAGE_BYTES,
    Contents,
    Made,
    Proof,
    ProtocolError,
    Reason,
    Result,
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
