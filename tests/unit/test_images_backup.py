"""What the programs that back up decide and understand; what they do is shown in the API server tier."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.protocol.settings import ProtocolError, Reason, S3Repository, Settings, VolumeRepository
from deploy.images.backup import configuration, reasons
from deploy.images.backup.archiving import queue
from deploy.images.backup.backups import full_is_due
from deploy.images.backup.configuration import Place, Secrets, environment_file, render, write
from deploy.images.backup.contents import archive_of, contents
from deploy.images.backup.pgbackrest import BackupError, failure
from deploy.images.backup.restoring import Target
from deploy.images.backup.scratch import not_started
from deploy.images.backup.verification import gap, number_of, segment_of

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
SEGMENT = 16 << 20
VOLUME = Settings(
    archive="orders-1a2b",
    data="/data",
    repository=VolumeRepository(host="orders-repository"),
    members=("orders-0", "orders-1"),
    clients=("orders-member",),
)
BUCKET = Settings(
    archive="orders-1a2b",
    data="/data",
    repository=S3Repository(bucket="b", endpoint="s3.example", path="/p", credentials="/secret"),
)
SECRETS = Secrets("access", "secret", "key")


def backup(label: str, began: datetime, *, error: bool = False) -> dict[str, Any]:
    """Return a backup as `pgbackrest info` describes it."""
    start = int(began.timestamp())
    return {
        "label": label,
        "type": "incr" if "_" in label else "full",
        "error": error,
        "timestamp": {"start": start, "stop": start + 60},
        "info": {"size": 1000, "repository": {"delta": 100}},
    }


def archive(*backups: dict[str, Any], code: int = 0) -> dict[str, Any]:
    """Return an archive as `pgbackrest info` describes it."""
    return {
        "name": "orders-1a2b",
        "db": [{"id": 1, "version": "17"}, {"id": 2, "version": "18"}],
        "backup": list(backups),
        "archive": [{"id": "18-1", "min": "0" * 24, "max": "000000010000000000000007"}] if backups else [],
        "status": {"code": code, "message": "ok"},
        "repo": [{"key": 1, "status": {"code": code, "message": "HTTP request failed with 403 (Forbidden)"}}],
    }


def options(settings: Settings, place: Place, environment: dict[str, str] | None = None) -> dict[str, str]:
    lines = render(settings, place, SECRETS, environment or {}).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_member_reaches_a_volume_through_its_server_and_knows_no_key() -> None:
    found = options(VOLUME, "member")
    assert found["repo1-host"] == "orders-repository"
    assert "repo1-path" not in found
    assert "key" not in found.values()


def test_where_backups_are_made_the_volume_is_mounted_and_members_are_reached() -> None:
    found = options(VOLUME, "repository")
    assert found["repo1-path"] == "/var/lib/keddah-repository"
    assert (found["pg1-host"], found["pg2-host"]) == ("orders-0", "orders-1")
    assert found["repo1-cipher-pass"] == "key"
    assert found["backup-standby"] == "prefer"


@pytest.mark.parametrize(("told", "address"), [("0\n", "::"), ("1\n", "*"), (None, "*")])
def test_a_server_listens_on_addresses_of_both_families(
    told: str | None, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bindv6only"
    if told is not None:
        file.write_text(told)
    monkeypatch.setattr(configuration, "_IPV6", file)
    assert options(VOLUME, "repository")["tls-server-address"] == address


def test_wal_is_never_dropped_by_itself() -> None:
    assert "archive-push-queue-max" not in options(VOLUME, "member")


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"}, "web-id"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1"}, "pod-id"),
        ({}, "auto"),
    ],
)
def test_without_a_secret_the_pod_has_an_identity(environment: dict[str, str], kind: str) -> None:
    bare = Settings(
        archive="a", data="/data", repository=S3Repository(bucket="b", endpoint="s3.example", path="/p")
    )
    assert options(bare, "member", environment)["repo1-s3-key-type"] == kind
    assert "repo1-s3-key-type" not in options(BUCKET, "member", environment)


def test_a_member_does_not_even_read_the_key_of_a_volume(tmp_path: Path) -> None:
    encrypted = replace(VOLUME, encryption_key_file=str(tmp_path / "key"))
    assert Secrets.read(encrypted, "member") == Secrets()
    with pytest.raises(ProtocolError, match="key"):
        Secrets.read(encrypted, "repository")


def test_the_archive_command_knows_the_identity_that_postgresql_is_started_without() -> None:
    given = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/a b", "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "secret"}
    written = environment_file(VOLUME, given)
    assert written == "archive=orders-1a2b\nexport AWS_ROLE_ARN='arn:aws:iam::1:role/a b'\n"


def test_a_value_cannot_begin_another_line() -> None:
    with pytest.raises(ProtocolError, match="repo1-cipher-pass"):
        render(VOLUME, "repository", Secrets(encryption_key="a\nrepo1-path=/etc"), {})


def test_the_file_is_for_its_owner_and_written_only_when_it_changed(tmp_path: Path) -> None:
    assert write(VOLUME, "member", {}, tmp_path)
    assert not write(VOLUME, "member", {}, tmp_path)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize(
    ("age", "due"),
    [
        (None, True),
        (timedelta(days=1), False),
        (timedelta(days=6, hours=12), False),
        # A weekly one that is run at its minute, after the last had begun some seconds late.
        (WEEK - timedelta(seconds=40), True),
        (WEEK, True),
    ],
)
def test_a_full_backup_is_due_when_the_newest_is_old(age: timedelta | None, due: bool) -> None:  # noqa: FBT001
    newest = None if age is None else backup("20261122-120000F", NOW - age)
    assert full_is_due(newest, NOW, WEEK) is due


def test_backups_with_bad_pages_are_counted_apart() -> None:
    held = contents(
        archive(
            backup("20261127-000000F", NOW - timedelta(days=2)),
            backup("20261128-000000F", NOW - timedelta(days=1), error=True),
        )
    )
    assert (held.backups, held.damaged) == (1, 1)
    assert held.last_backup == "2026-11-27T12:01:00Z"
    # The second in which it ended may have begun before that.
    assert held.oldest_restorable == "2026-11-27T12:01:01Z"
    assert (held.newest_wal, held.major) == ("000000010000000000000007", "18")


@pytest.mark.parametrize("code", [1, 2])
def test_an_archive_that_does_not_exist_yet_is_empty(code: int) -> None:
    assert archive_of([archive(code=code)], "orders-1a2b") is None
    assert archive_of([], "orders-1a2b") is None
    assert contents(None).backups == 0


def test_a_repository_that_cannot_be_read_is_not_empty() -> None:
    with pytest.raises(BackupError) as raised:
        archive_of([archive(code=99)], "orders-1a2b")
    assert raised.value.reason == Reason.CREDENTIALS_REFUSED


UNREADABLE = "unable to load info file 'a' or 'b':"
SAID = [
    (49, "unable to connect to 'r:8432': [111] Connection refused", Reason.REPOSITORY_UNREACHABLE),
    (39, "client state is 'response' but expected 'idle'", Reason.REPOSITORY_UNREACHABLE),
    (103, "[CryptoError] unable to verify certificate presented by 'x'", Reason.CERTIFICATE_NOT_TRUSTED),
    (39, "failed with 403 (Forbidden):\n<Code>RequestTimeTooSkewed</Code>", Reason.CLOCK_SKEW),
    (39, "HTTP request failed with 404 (Not Found):\n<Code>NoSuchBucket</Code>", Reason.BUCKET_MISSING),
    (39, "HTTP request failed with 403 (Forbidden):\n<Code>AccessDenied</Code>", Reason.CREDENTIALS_REFUSED),
    (101, "[507] Insufficient Storage", Reason.REPOSITORY_FULL),
    (101, "[503] Slow Down", Reason.REPOSITORY_UNREACHABLE),
    (64, "unable to write '/r/1': [28] No space left on device", Reason.REPOSITORY_FULL),
    (64, "unable to write '/r/1'", Reason.REPOSITORY_FULL),
    (64, "unable to write '/r/1': [5] Input/output error", Reason.OTHER),
    (50, "unable to acquire lock on file '/run/x': Resource temporarily unavailable", Reason.BUSY),
    (44, "version 18, system-id 1 do not match stanza version 18, system-id 2", Reason.ANOTHER_DATABASE),
    (
        45,
        "WAL file 'x' already exists in the repo1 archive with a different checksum",
        Reason.ANOTHER_DATABASE,
    ),
    (28, f"{UNREADABLE}\nFormatError: key/value found outside of section", Reason.WRONG_ENCRYPTION_KEY),
    (28, f"{UNREADABLE}\nCryptoError: cipher header invalid", Reason.WRONG_ENCRYPTION_KEY),
    (29, "zst error: [-20] Data corruption detected", Reason.REPOSITORY_DAMAGED),
    (125, "something new", Reason.OTHER),
]


@pytest.mark.parametrize(("code", "text", "reason"), SAID)
def test_an_error_has_a_reason(code: int, text: str, reason: Reason) -> None:
    assert reasons.reason_of(code, text) == reason


def test_an_error_is_told_with_what_goes_on_and_with_its_cause_before() -> None:
    error = failure(
        [
            "WARN: unable to check pg1: [HostConnectError] unable to get address for 'orders-0'",
            "ERROR: [056]: unable to find primary cluster - cannot proceed",
            "       HINT: are all available clusters in recovery?",
            "INFO: backup command end: aborted with exception [056]",
        ],
        56,
    )
    assert error.reason == Reason.DATABASE_UNREACHABLE
    assert str(error).startswith(
        "pg1: [HostConnectError] unable to get address for 'orders-0'; unable to find"
    )
    assert str(error).endswith("in recovery?")


def test_a_program_that_was_killed_was_interrupted() -> None:
    assert failure(["INFO: backup command begin"], -9).reason == Reason.INTERRUPTED


def test_headers_of_requests_are_not_told() -> None:
    text = "failed\n*** Request Headers ***:\nauthorization: x\n*** Response Content ***:\n<Code>A</Code>"
    assert reasons.sentence(text) == "failed *** Response Content ***: <Code>A</Code>"


def test_what_s3_answered_is_told_in_its_words() -> None:
    text = """[ProtocolError] HTTP request failed with 403 (Forbidden):
*** Path/Query ***:
GET /backups/?list-type=2
*** Request Headers ***:
authorization: <redacted>
*** Response Content ***:
<?xml version="1.0"?>
<Error><Code>AccessDenied</Code><Message>Not yours.</Message><StringToSign>AWS4</StringToSign></Error>"""
    told = "[ProtocolError] HTTP request failed with 403 (Forbidden): AccessDenied: Not yours."
    assert reasons.sentence(text) == told


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("FATAL:  WAL ends before end of online backup", Reason.WAL_MISSING),
        ("FATAL:  recovery ended before configured recovery target was reached", Reason.WAL_MISSING),
        ("PANIC:  could not write to file: No space left on device", Reason.NO_ROOM),
        ("FATAL:  could not load library", Reason.OTHER),
        # The command that fetches stops recovery when it cannot know whether there is more.
        (
            """ERROR: [049]: unable to connect to 'r': [111] Connection refused
FATAL:  could not restore file "000000010000000000000007" from archive: command not executable""",
            Reason.REPOSITORY_UNREACHABLE,
        ),
    ],
)
def test_a_recovery_that_failed_has_a_reason(log: str, reason: Reason) -> None:
    assert not_started(f"LOG:  starting PostgreSQL\n{log}\nLOG:  shutting down").reason == reason


def test_who_asked_whether_it_is_ready_is_not_the_reason() -> None:
    log = """FATAL:  recovery ended before configured recovery target was reached
LOG:  startup process (PID 7) exited with exit code 1
FATAL:  the database system is not accepting connections
LOG:  database system is shut down"""
    assert "recovery ended before configured recovery target" in str(not_started(log))


def test_replay_ends_in_the_segment_of_its_last_byte() -> None:
    # A switch of segments ends where the next one begins.
    assert segment_of(8 * SEGMENT, SEGMENT) == number_of("000000010000000000000007", SEGMENT)
    assert number_of("000000020000000100000000", SEGMENT) == 256


@pytest.mark.parametrize(
    ("ranges", "missing"),
    [
        ([("1", "7")], ""),
        ([("1", "3"), ("5", "7")], "5"),
        ([("3", "7")], "3"),
        # The oldest backup begins at 2; what was kept of earlier ones serves nothing.
        ([("0", "0"), ("2", "7")], ""),
        ([("1", "3"), ("3", "7")], ""),
        ([("1", "3"), ("4", "7")], ""),
    ],
)
def test_a_gap_in_the_archive_is_found(ranges: list[tuple[str, str]], missing: str) -> None:
    def named(number: str) -> str:
        return f"{number:0>24}"

    found = gap([(named(start), named(stop)) for start, stop in ranges], named("2"), SEGMENT)
    assert found == (missing and named(missing))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(), []),
        (
            Target(time=datetime.fromisoformat("2026-11-27T12:00:00.5+02:00")),
            ["--type=time", "--target=2026-11-27 10:00:00.500000+00", "--target-action=promote"],
        ),
        (
            Target(name="before"),
            ["--type=name", "--target=before", "--target-action=promote"],
        ),
    ],
)
def test_a_target_is_told_in_utc(target: Target, words: list[str]) -> None:
    assert target.options() == words


def test_what_waits_for_the_archive_is_counted_with_its_reason(tmp_path: Path) -> None:
    settings = Settings(
        archive="orders-1a2b",
        data=str(tmp_path / "data"),
        repository=VolumeRepository(host="r"),
        spool=str(tmp_path / "spool"),
    )
    status = tmp_path / "data/pg_wal/archive_status"
    status.mkdir(parents=True)
    assert queue(settings).waiting == 0
    names = [f"{number:0>24}" for number in range(1, 5)]
    for number, name in enumerate(names):
        (status.parent / name).touch()
        os.utime(status.parent / name, (1000 + number, 1000 + number))
        (status / f"{name}.{'done' if number < 2 else 'ready'}").touch()
        os.utime(status / f"{name}.{'done' if number < 2 else 'ready'}", (2000 + number, 2000 + number))
    errors = tmp_path / "spool/archive/orders-1a2b/out"
    errors.mkdir(parents=True)
    (errors / "global.error").write_text("49\nunable to connect to 'r:8432': [111] Connection refused")
    found = queue(settings)
    assert (found.waiting, found.oldest, found.restorable) == (2, 2002, 1001)
    assert found.reason == Reason.REPOSITORY_UNREACHABLE
