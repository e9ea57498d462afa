from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.postgresql.parameters import check as parameters
from schemas.postgresql.parameters.reserved import REASONS
from tests.parameter_cases import REFUSED, recorded
from tests.strategies import values
from tests.verdicts import refused

DATA = Path(parameters.__file__).parents[2] / "data"
MAJORS = (17, 18)
LIBRARY_PATH = "write $libdir, and absolute paths before or after it, with colons between them"
TRANSACTIONS = ("transaction_deferrable", "transaction_isolation", "transaction_read_only")


def rows(major: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((DATA / f"parameters-{major}.json").read_text())
    return found


@pytest.mark.parametrize("major", MAJORS)
def test_every_default_of_the_server_is_right(major: int) -> None:
    # The server fills these three by itself at its start, from files or from its environment.
    filled = {"timezone_abbreviations", "lc_messages"}
    wrong = {
        row["name"]: parameters.problem(row["name"], row["boot_val"], major)
        for row in rows(major)
        if row["context"] != "internal"
        and row["name"].lower() not in filled | REASONS.keys()
        and row["boot_val"] is not None
    }
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shared_buffers", "512MB"),
        ("Shared_Buffers", "512MB"),
        ("shared_buffers", "16384"),
        ("work_mem", "1.5MB"),
        ("work_mem", " 64 MB "),
        ("work_mem", "0x1000"),
        ("max_connections", "1e3"),
        ("max_wal_size", "1TB"),
        ("statement_timeout", "5min"),
        ("statement_timeout", "1.5h"),
        ("vacuum_cost_delay", "500us"),
        ("vacuum_cost_delay", "0.5"),
        ("log_min_duration_statement", "-1"),
        ("random_page_cost", "1.1"),
        ("jit", "off"),
        ("jit", "NO"),
        ("wal_level", "logical"),
        ("default_transaction_isolation", "Repeatable Read"),
        ("ssl_min_protocol_version", "TLSv1.3"),
        ("TimeZone", "Europe/Berlin"),
        ("DateStyle", "ISO, DMY"),
        ("search_path", '"$user", public'),
        ("client_encoding", "UTF-8"),
        ("shared_preload_libraries", "pg_stat_statements, auto_explain"),
        ("log_line_prefix", "%m [%p] %q%u@%d "),
        ("auto_explain.log_min_duration", "250ms"),
        ("max_stack_depth", "7MB"),
        ("dynamic_library_path", "/srv/lib:$libdir"),
        ("wal_receiver_timeout", "0"),
        ("scram_iterations", "600000"),
        ("notify_buffers", "32"),
    ],
)
@pytest.mark.parametrize("major", MAJORS)
def test_a_value_that_the_server_takes_is_accepted(name: str, value: str, major: int) -> None:
    assert parameters.problem(name, value, major) is None


@pytest.mark.parametrize("value", ["1e999", "-1e999"])
@pytest.mark.parametrize("major", MAJORS)
def test_a_number_beyond_all_numbers_is_refused_by_every_rule_that_reads_it(value: str, major: int) -> None:
    # Seen: "1e999" connections ended the review with an error instead of an answer.
    numbers = [row["name"] for row in rows(major) if row["vartype"] in {"integer", "real"}]
    some = (dict.fromkeys(numbers[first : first + 50], value) for first in range(0, len(numbers), 50))
    found = [violation for given in some for violation in refused(version=str(major), parameters=given)]
    assert {violation.partition(":")[0] for violation in found} == {
        f"spec.parameters.{name}" for name in numbers
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shared_bufers", "1GB", "PostgreSQL 17 has no such parameter; did you mean shared_buffers?"),
        ("io_method", "sync", "PostgreSQL 17 has no such parameter"),
        ("shared_buffers", "8GBB", 'unit "GBB" is not known; write GB'),
        ("shared_buffers", "8gb", 'unit "gb" is not known; write GB'),
        ("shared_buffers", "64kB", "is below the minimum, 16 x 8kB (128kB)"),
        ("shared_buffers", "8", "is below the minimum, 16 x 8kB (128kB)"),
        ("shared_buffers", "100TB", "is above the maximum, 1073741823 x 8kB (about 8TB)"),
        ("work_mem", "", "write a whole number with a unit, such as 128MB"),
        ("work_mem", "much", "write a whole number with a unit, such as 128MB"),
        ("work_mem", "-1", "is below the minimum, 64kB"),
        ("statement_timeout", "5m", 'unit "m" is not known; write min for minutes, ms for milliseconds'),
        ("statement_timeout", "2 hours", 'unit "hours" is not known; write h'),
        ("statement_timeout", "1MB", 'unit "MB" is not known; write us, ms, s, min, h or d'),
        ("checkpoint_timeout", "1", "is below the minimum, 30s"),
        ("checkpoint_timeout", "2d", "is above the maximum, 86400s (1d)"),
        ("max_connections", "10MB", "takes no unit; write a whole number from 1 to 262143"),
        ("max_connections", "0", "is below the minimum, 1"),
        ("max_connections", "300000", "is above the maximum, 262143"),
        ("autovacuum_vacuum_scale_factor", "101", "is above the maximum, 100"),
        ("random_page_cost", "1,1", "takes no unit; write a number from 0"),
        ("random_page_cost", "nan", "write a number from 0"),
        (
            "work_mem",
            "09MB",
            "09 would be hexadecimal or octal; write a whole number with a unit, such as 128MB",
        ),
        ("jit", "maybe", "write on or off"),
        ("jit", "t", "write on or off"),  # PostgreSQL knows it, Patroni silently drops it
        ("synchronous_commit", "always", "write local, remote_write, remote_apply, on or off"),
        (
            "wal_level",
            "minimal",
            "write replica, or logical for logical replication; standbys need at least replica",
        ),
        ("TimeZone", "europe/berlin", "is not in the time zone database; did you mean Europe/Berlin?"),
        ("lc_time", "de_DE.UTF-8", "is not in the image, which has C and C.UTF-8"),
        ("search_path", "a b", "write names with commas between them"),
        ("client_encoding", "utf9", "is not a known encoding; write one such as UTF8 or LATIN1"),
        ("DateStyle", "ISO, SQL", "names more than one style or order"),
        (
            "synchronized_standby_slots",
            "*",
            "write names of slots, of small letters, digits and _, with commas between them",
        ),
        ("dynamic_library_path", "/srv", LIBRARY_PATH),
        (
            "scram_iterations",
            "1000001",
            "is above 1000000, with which each log-in takes a client half a second",
        ),
        ("dynamic_library_path", "", LIBRARY_PATH),
        ("wal_sender_timeout", "1", "write 0, or 1s and more: it applies to the connections of standbys too"),
        (
            "wal_receiver_timeout",
            "999ms",
            "write 0, or 1s and more: it applies to the connections of standbys too",
        ),
        ("createrole_self_grant", "all", '"all" is not known; write set or inherit'),
        ("notify_buffers", "17", "must be a multiple of 16"),
        ("vacuum_buffer_usage_limit", "64kB", "write 0, or 128kB and more"),
        ("max_stack_depth", "16MB", "is above the maximum, 7680kB, which a stack of 8MB leaves"),
        ("block_size", "8192", "cannot be changed in a running system; leave it out"),
        ("log_line_prefix", "a\nb", r'must not contain the character "\n"; write the value on one line'),
        ("work_mem", "4MB\0", r'must not contain the character "\u0000"; write the value on one line'),
        ("work mem", "4MB", "is not a parameter name; use letters, digits and _, such as work_mem"),
        (
            "work_mem\nfsync",
            "4MB",
            "is not a parameter name; use letters, digits and _, such as work_mem",
        ),
        ("a..b", "4MB", "is not a parameter name; use letters, digits and _, such as work_mem"),
        ("x" * 64, "4MB", "is not a parameter name; use letters, digits and _, such as work_mem"),
    ],
)
def test_what_the_server_would_not_take_says_what_is_right(name: str, value: str, message: str) -> None:
    assert parameters.problem(name, value, 17) == message


def test_asynchronous_io_has_a_handle_at_least() -> None:
    assert parameters.problem("io_max_concurrency", "0", 18) == "write -1, or 1 and more"
    assert parameters.problem("io_max_concurrency", "-1", 18) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("archive_command", "archive_command is reserved: spec.backup configures WAL archiving"),
        ("ARCHIVE_COMMAND", "archive_command is reserved: spec.backup configures WAL archiving"),
        ("restore_command", "restore_command is reserved: use spec.restore"),
        ("synchronous_standby_names", "synchronous_standby_names is reserved: use spec.synchronous"),
        ("hba_file", "hba_file is reserved: use spec.hba"),
        ("port", "port is reserved: it is always 5432"),
        ("fsync", "fsync is reserved: it can lose or corrupt committed data"),
        ("ssl", "ssl is reserved: TLS is always on, with the certificate that keddah issues"),
        (
            "logging_collector",
            "logging_collector is reserved: logs go to standard error, where kubectl logs reads them",
        ),
        (
            "listen_addresses",
            (
                "listen_addresses is reserved: every instance listens on all addresses, "
                "and spec.hba says who may connect"
            ),
        ),
    ],
)
def test_a_reserved_parameter_names_the_field_to_use_or_the_reason(name: str, message: str) -> None:
    assert parameters.problem(name, "x", 17) == message


@pytest.mark.parametrize("major", MAJORS)
def test_what_is_set_in_a_transaction_is_not_set_here(major: int) -> None:
    for name in TRANSACTIONS:
        assert parameters.problem(name, "on", major) == (
            f"{name} is reserved: it belongs to one transaction, use SET TRANSACTION"
        )


def test_every_reserved_name_is_one_of_a_server() -> None:
    known = {row["name"].lower() for major in MAJORS for row in rows(major)}
    elsewhere = {"event_source", "bonjour", "bonjour_name", "ssl_ecdh_curve"}
    assert set(REASONS) - known <= elsewhere


def test_a_major_has_its_own_table() -> None:
    assert parameters.problem("io_workers", "3", 18) is None
    assert parameters.problem("io_method", "io_uring", 18) == (
        "write worker or sync; containers may not use io_uring"
    )
    assert parameters.problem("log_connections", "receipt, authorization", 18) is None
    assert parameters.problem("log_connections", "receipt", 17) == "write on or off"
    assert parameters.problem("work_mem", "4MB", 99) == (
        "parameters of PostgreSQL 99 are not known to this version of keddah"
    )


def test_a_change_restarts_where_the_server_says_so() -> None:
    assert parameters.needs_restart("shared_buffers", 17)
    assert parameters.needs_restart("Max_Connections", 18)
    assert not parameters.needs_restart("work_mem", 17)
    assert not parameters.needs_restart("auto_explain.log_analyze", 17)
    assert parameters.context("work_mem", 17) == "user"
    assert parameters.context("checkpoint_timeout", 17) == "sighup"
    assert parameters.context("nothing", 17) is None


def test_what_standbys_are_sensitive_to_needs_a_restart() -> None:
    assert all(parameters.needs_restart(name, 17) for name in parameters.STANDBY_SENSITIVE)


@pytest.mark.parametrize(
    ("name", "value", "doubt"),
    [
        (
            "shared_preload_libraries",
            "pg_stat_statements, timescaledb",
            'keddah\'s own image lacks "timescaledb"; without it PostgreSQL does not start',
        ),
        (
            "session_preload_libraries",
            "pg_overexplain",
            'keddah\'s own image lacks "pg_overexplain"; without it PostgreSQL does not start',
        ),
        (
            "synchronous_commit",
            "off",
            "commits are acknowledged before a standby has them and can be lost in a failover",
        ),
        ("my.setting", "1", "belongs to an extension, whose own rules are not checked here"),
        ("shared_preload_libraries", "pg_stat_statements", None),
        ("work_mem", "4MB", None),
    ],
)
def test_what_is_legal_and_unwise_is_told(name: str, value: str, doubt: str | None) -> None:
    assert parameters.warning(name, value, 17) == doubt


_NAMES = st.sampled_from([row["name"] for row in rows(17)])


@settings(max_examples=150)
@given(st.one_of(_NAMES, st.text(max_size=10)), values(), st.sampled_from(MAJORS))
def test_no_text_is_a_crash(name: str, value: str, major: int) -> None:
    found = parameters.problem(name, value, major)
    assert found is None or ("\n" not in found and len(found) < 200)
    parameters.warning(name, value, major)


def test_a_value_means_what_the_server_says_that_it_means() -> None:
    """Compare with the answers of PostgreSQL (tests/parameter_cases.py): narrower only where Patroni is."""
    cases = recorded()
    assert len(cases) > 3000
    for case in cases:
        given = (case.name, case.value, case.major)
        problem, read = parameters.problem(*given), parameters.number(*given)
        if case.answer == REFUSED:
            assert problem is not None, case
        elif problem is None:
            assert read == pytest.approx(float(case.answer), rel=1e-5), case
        else:
            assert _PATRONI_DIFFERS.match(case.value), (case, problem)


_PATRONI_DIFFERS = re.compile(r"0[xX]|0b|[0-9]+\.[^0-9]*$")
"""Numbers that PostgreSQL takes, and Patroni reads otherwise: 0X40, 0b1, 5., and hexadecimal real numbers."""


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("shared_buffers", "128MB", "0.125GB", True),
        ("shared_buffers", "16384", "128MB", True),
        ("shared_buffers", "128MB", "129MB", False),
        ("jit", "on", "TRUE", True),
        ("jit", "on", "no", False),
        ("wal_level", "Logical", "logical", True),
        ("random_page_cost", "1.10", "11e-1", True),
        ("search_path", "a", "A", False),
        ("my.setting", "1", "1.0", False),
        ("work_mem", "junk", "rubbish", False),
    ],
)
def test_two_spellings_of_one_value_are_the_same(name: str, one: str, other: str, *, same: bool) -> None:
    assert parameters.same(name, one, other, 17) is same
