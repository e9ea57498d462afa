"""Why a server does not start: what is taken for damage, and what is not (logs of PostgreSQL 15 to 18)."""

from __future__ import annotations

import pytest

from controller.observe.instances.pods import Trouble
from controller.observe.instances.starting import explained, start_failure
from deploy.images.log.lines import Joined, of_program
from schemas import records
from tests.states import pod

AT = "2026-11-29 12:03:55.545 UTC [21836] "
AFTER = f"""{AT}LOG:  startup process (PID 80) was terminated by signal 6: Aborted
{AT}LOG:  aborting startup due to startup process failure
{AT}LOG:  database system is shut down
2026-11-29 12:03:56,100 INFO: failed to start postgres
"""


def log(*lines: str) -> str:
    return "".join(f"{AT}{line}\n" for line in lines) + AFTER


def as_json(text: str) -> str:
    """Write a log as a pod does that logs JSON."""
    said = Joined(1000)
    whole = [said.take(line) for line in text.splitlines()] + [said.end()]
    return "".join(records.as_json(of_program(line, 0, "keddah.patroni")) + "\n" for line in whole if line)


@pytest.mark.parametrize(
    "words",
    [
        "PANIC:  could not locate a valid checkpoint record at 0/3000028",
        "PANIC:  could not locate a valid checkpoint record",
        "FATAL:  could not find redo location 0/3000028 referenced by checkpoint record at 0/3000060",
        "FATAL:  incorrect checksum in control file",
        'PANIC:  could not read file "global/pg_control": read 0 of 296',
        "PANIC:  WAL contains references to invalid pages",
        'FATAL:  invalid page in block 2 of relation "base/5/16384"',
        'FATAL:  could not read blocks 2..2 in file "base/5/16384": read only 0 of 8192 bytes',
        "FATAL:  could not access status of transaction 725",
        'FATAL:  could not open file "global/pg_filenode.map": No such file or directory',
        'FATAL:  required WAL directory "pg_wal" does not exist',
        'FATAL:  could not open directory "pg_notify": No such file or directory',
        'FATAL:  relation mapping file "global/pg_filenode.map" contains incorrect checksum',
        'FATAL:  invalid data in file "backup_label"',
        'FATAL:  "/var/lib/postgresql/17/data" is not a valid data directory',
    ],
)
def test_words_for_damaged_data_are_evidence(words: str) -> None:
    failure = start_failure(log(words))
    assert start_failure(as_json(log(words))) == failure
    assert failure is not None
    assert (failure.damaged, failure.words) == (True, words.split(":  ", 1)[1])


MEMORY = "FATAL:  could not map anonymous shared memory: Cannot allocate memory"


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (MEMORY, "the memory or the huge pages"),
        (
            'FATAL:  could not write lock file "postmaster.pid": No space left on device',
            "increase spec.storage",
        ),
        ('FATAL:  could not create lock file "postmaster.pid": Read-only file system', "mounted read-only"),
        ('FATAL:  data directory "/d" has invalid permissions', "change it back"),
        ('PANIC:  could not open file "global/pg_control": Permission denied', "change it back"),
        ('PANIC:  could not read file "global/pg_control": Input/output error', "see the storage"),
        ('FATAL:  could not access file "pg_cron": No such file or directory', ""),
        ('FATAL:  could not load server certificate file "/etc/tls.crt": No such file or directory', ""),
        ("FATAL:  recovery aborted because of insufficient parameter settings", ""),
        ('FATAL:  configuration file "/d/postgresql.conf" contains errors', ""),
        ("FATAL:  database files are incompatible with server", ""),
        ('FATAL:  could not open directory "pg_tblspc/16385/PG_17_2": No such file or directory', ""),
        ("FATAL:  requested timeline 3 is not a child of this server's history", ""),
    ],
)
def test_what_a_server_lacks_besides_is_none(words: str, advice: str) -> None:
    failure = start_failure(log(words))
    assert start_failure(as_json(log(words))) == failure
    assert failure is not None
    assert not failure.damaged
    assert failure.words == words.split(":  ", 1)[1]
    assert advice in failure.advice
    assert bool(advice) is bool(failure.advice)


def test_a_record_that_the_volume_does_not_give_is_not_missing() -> None:
    failure = start_failure(
        log(
            "LOG:  could not read from WAL segment 000000010000000000000003, offset 0: Input/output error",
            "PANIC:  could not locate a valid checkpoint record at 0/3000028",
        )
    )
    assert failure is not None
    assert not failure.damaged


@pytest.mark.parametrize(
    "line",
    [
        "FATAL:  the database system is starting up",
        "app@app 10.0.0.7 FATAL:  the database system is not yet accepting connections",
        "FATAL:  terminating walreceiver process due to administrator command",
        "FATAL:  could not connect to the primary server: connection refused",
        'app@app 10.0.0.7 FATAL:  password authentication failed for user "app"',
        'app@app 10.0.0.7 FATAL:  role "nobody" does not exist',
    ],
)
def test_what_ends_sessions_is_no_reason(line: str) -> None:
    assert start_failure(log(line)) is None
    assert start_failure(as_json(log(line))) is None
    failure = start_failure(log("PANIC:  WAL contains references to invalid pages", line))
    assert failure is not None
    assert failure.damaged


@pytest.mark.parametrize(
    "quoted",
    [
        "app@app 10.0.0.7 STATEMENT:  SELECT 'PANIC:  WAL contains references to invalid pages'",
        "app@app 10.0.0.7 ERROR:  PANIC:  WAL contains references to invalid pages",
        "app@app 10.0.0.7 LOG:  statement: SELECT '\n\tPANIC:  WAL contains references to invalid pages",
    ],
)
def test_what_users_write_is_no_evidence(quoted: str) -> None:
    assert start_failure(log(quoted)) is None
    assert start_failure(as_json(log(quoted))) is None


def test_the_last_attempt_counts() -> None:
    early = log("PANIC:  could not locate a valid checkpoint record at 0/3000028")
    failure = start_failure(
        early + log("FATAL:  recovery aborted because of insufficient parameter settings")
    )
    assert failure is not None
    assert not failure.damaged


def test_a_log_without_a_reason_has_none() -> None:
    assert start_failure("") is None
    assert start_failure(AFTER) is None


def test_the_trouble_of_an_instance_has_the_servers_words_and_what_to_do() -> None:
    failed = pod(1, trouble=Trouble("ServerNotStarting", "Patroni reports: start failed; see the pod's log"))
    told = explained(failed, start_failure(log(MEMORY)))
    assert told is not None
    assert told.reason == "ServerNotStarting"
    assert told.message.startswith(f"its server does not start: {MEMORY.split(':  ')[1]} (its node")
    assert told.message.endswith("; its data is kept")
    assert explained(failed, None) == failed.trouble
    other = pod(1, trouble=Trouble("InstanceFailing", "exit code 1"))
    assert explained(other, start_failure(log(MEMORY))) == other.trouble
    assert explained(pod(1), start_failure(log(MEMORY))) is None
