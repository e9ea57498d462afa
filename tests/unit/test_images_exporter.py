"""The exporter of an instance: what it makes of answers, and that no trouble of one part reaches another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any, cast

import pytest

from controller.certificates import certificate
from controller.certificates.keys import DatabaseKeys
from controller.desired.exporter.metric import Metric, Query, counter, gauge
from controller.protocol.exporter import problems
from deploy.images.exporter.asking import Server
from deploy.images.exporter.certificate import expiry
from deploy.images.exporter.custom import read
from deploy.images.exporter.page import Page, number
from deploy.images.exporter.server import request
from deploy.images.exporter.users import Users
from deploy.images.exporter.wire import Lost, Refused, Row
from deploy.images.patroni import exporter as role

_ROLE = Query("role", "SELECT role", (gauge("pg_role", "Role."),))
_SIZES = Query("sizes", "SELECT sizes", (gauge("pg_size", "Size.", "bytes"),), ("datname",), every=60)
_SENT = Query("sent", "SELECT sent", (counter("pg_sent", "Sent."),), where="primary")
_RECOVERY = "SELECT pg_is_in_recovery()"
_JOBS = """
jobs:
  query: SELECT state, jobs FROM jobs;
  metrics:
    - state: {usage: LABEL}
    - jobs: {usage: GAUGE, description: Jobs in the queue.}
"""
_FAILED = Metric("failed", "gauge", "Failed.", labels=("query",))


class Answers:
    """A server, by its statements; an error among the answers is raised."""

    def __init__(self, answers: Mapping[str, list[Row] | Exception], columns: tuple[str, ...] = ()) -> None:
        self.answers = {_RECOVERY: [("f",)], **answers}
        self.asked: list[str] = []
        self.columns = columns
        self.connections = 0

    def connect(self, *_: str) -> Any:  # noqa: ANN401 - stands for a connection
        """Connect."""
        self.connections += 1
        return self

    def rows(self, statement: str) -> tuple[tuple[str, ...], list[Row]]:
        """Give the answer."""
        self.asked.append(statement)
        found = self.answers[statement]
        if isinstance(found, Exception):
            raise found
        return self.columns, list(found)

    def close(self) -> None:
        """Do nothing."""


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


def server(answers: Answers, clock: Clock | None = None, said: list[str] | None = None) -> Server:
    told = [] if said is None else said
    return Server(
        answers.connect, clock or Clock(), lambda _, words: told.append(words), (_ROLE, _SIZES, _SENT)
    )


def asked(of: Server) -> tuple[bool, int, list[str]]:
    page = Page()
    up, refused = of.ask(page)
    return up, refused, [line for line in page.text().decode().splitlines() if not line.startswith("#")]


RIGHT: dict[str, list[Row] | Exception] = {
    _ROLE.sql: [("0",)],
    _SIZES.sql: [("app", "7"), ('a"b', None)],
    _SENT.sql: [("1.5",)],
}


def test_rows_become_samples_and_nothing_is_none() -> None:
    assert asked(server(Answers(RIGHT))) == (
        True,
        0,
        ["pg_role 0", 'pg_size{datname="app"} 7', "pg_sent 1.5"],
    )


def test_a_standby_is_not_asked_what_only_a_primary_knows() -> None:
    answers = Answers({**RIGHT, _RECOVERY: [("t",)]})
    asked(server(answers))
    assert _SENT.sql not in answers.asked


def test_a_query_that_is_refused_takes_nothing_else_away() -> None:
    answers = Answers({**RIGHT, _ROLE.sql: Refused("no (42501)")})
    assert asked(server(answers)) == (True, 1, ['pg_size{datname="app"} 7', "pg_sent 1.5"])


def test_a_server_that_is_gone_is_connected_to_again_and_nothing_old_is_told() -> None:
    answers = Answers(RIGHT)
    of = server(answers)
    asked(of)
    answers.answers[_SENT.sql] = Lost("gone")
    assert asked(of)[:2] == (False, 0)
    answers.answers |= {**RIGHT, _SIZES.sql: []}
    assert asked(of) == (True, 0, ["pg_role 0", "pg_sent 1.5"])
    assert answers.connections == 2


def test_what_is_expensive_is_asked_again_only_when_it_is_old() -> None:
    answers, clock = Answers(RIGHT), Clock()
    of = server(answers, clock)
    for clock.now in (0, 59, 61):
        asked(of)
    assert answers.asked.count(_SIZES.sql) == 2


def test_labels_are_escaped_and_words_are_numbers() -> None:
    page = Page()
    page.add(Metric("m", "gauge", "M\\", labels=("l",)), number("t"), ('a"\\\n',))
    assert page.text().decode() == '# HELP m M\\\\\n# TYPE m gauge\nm{l="a\\"\\\\\\n"} 1\n'
    assert [number(text) for text in ("f", "-3", "1e3", "NaN", "Infinity")] == [
        "0",
        "-3",
        "1e3",
        "NaN",
        "+Inf",
    ]
    with pytest.raises(ValueError, match="could not convert"):
        number("word")


def of_users(folder: Path, text: str, answers: Answers, *files: str) -> tuple[list[str], dict[str, str]]:
    (folder / "cm").mkdir(exist_ok=True)
    (folder / "cm/key").write_text(text)
    page = Page()
    users = Users(files or ("cm/key",), folder, answers.connect, Clock())
    found = users.ask(page, _FAILED, primary=True)
    return [line for line in page.text().decode().splitlines() if not line.startswith("#")], found


def test_custom_queries_are_told_beside_keddahs_own(tmp_path: Path) -> None:
    answers = Answers({"SELECT state, jobs FROM jobs": [("new", "3"), ("old", "4")]}, ("state", "jobs"))
    lines, found = of_users(tmp_path, _JOBS, answers)
    told = ['jobs_jobs{state="new"} 3', 'jobs_jobs{state="old"} 4', 'failed{query="cm/key: jobs"} 0']
    assert (lines, found) == (told, {})


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("new", "3"), ("new", "4")], "two rows have the same labels: {'state': 'new'}"),
        ([("new", "word")], "could not convert string to float: 'word'"),
        (Refused('relation "jobs" does not exist (42P01)'), 'relation "jobs" does not exist (42P01)'),
        (Lost("timed out"), "timed out"),
        ([(str(index), "1") for index in range(501)], "returns 501 rows; 500 at most are told"),
    ],
)
def test_an_answer_that_is_none_is_told_of_and_harms_nothing(
    tmp_path: Path, rows: list[Row] | Exception, words: str
) -> None:
    answers = Answers({"SELECT state, jobs FROM jobs": rows}, ("state", "jobs"))
    assert of_users(tmp_path, _JOBS, answers) == (['failed{query="cm/key: jobs"} 1'], {"cm/key: jobs": words})


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("a: [}", "cm/key", "is not YAML (line 1)"),
        ("- a", "cm/key", "must be a mapping of names to queries"),
        ("a: 1", "cm/key: a", "must have a `query`"),
        ("a: {query: SELECT 1}", "cm/key: a", "has no metric whose usage is GAUGE or COUNTER"),
        (_JOBS.replace("GAUGE", "GUAGE"), "cm/key: jobs", "column jobs: its usage must be"),
        (_JOBS.replace("jobs:\n", "a-b:\n", 1), "cm/key: a-b", "a-b_jobs is no name of a metric"),
        (
            "pg: {query: SELECT 1, metrics: [{up: {usage: GAUGE}}]}",
            "cm/key: pg",
            "pg_up is a metric of keddah's",
        ),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, name: str, words: str) -> None:
    lines, found = of_users(tmp_path, text, Answers({}))
    assert lines == [f'failed{{query="{name}"}} 1']
    assert found[name].startswith(words)


def test_a_missing_file_is_told_of(tmp_path: Path) -> None:
    assert read(tmp_path, "a/b")[1] == {"a/b": "there is no such ConfigMap, or it has no such key"}


def test_patroni_reports_one_problem_in_words_and_counts_the_others() -> None:
    assert problems(json.dumps({"b: x": "no", "a: y": "wrong"})) == "a: y: wrong; and 1 more"
    assert len(problems(json.dumps({"a": "x" * 500, "b": ""}))) == 200
    assert problems("{}") == problems("") == problems("[1]") == ""


class Client:
    """A client that sends its request piece by piece, each as long after the one before."""

    def __init__(self, pieces: list[bytes], seconds: float) -> None:
        self.now, self._pieces, self._seconds = 0.0, pieces, seconds
        self._patience = 0.0

    def settimeout(self, seconds: float) -> None:
        """Wait for so long."""
        self._patience = seconds

    def recv(self, _: int) -> bytes:
        """Wait for the next piece."""
        self.now += min(self._seconds, self._patience)
        if self._seconds > self._patience:
            raise TimeoutError
        return self._pieces.pop(0) if self._pieces else b""


def test_a_client_that_sends_byte_by_byte_keeps_others_waiting_no_longer_than_any_other() -> None:
    whole = b"GET /metrics HTTP/1.1\r\n\r\n"
    slow = Client([bytes([each]) for each in whole], 1.9)
    with pytest.raises(TimeoutError):
        request(cast("socket", slow), lambda: slow.now)
    assert slow.now == 2
    quick = Client([whole[:5], whole[5:]], 0.9)
    assert request(cast("socket", quick), lambda: quick.now) == whole
    ended = Client([whole[:5]], 0.1)
    assert request(cast("socket", ended), lambda: ended.now) == whole[:5]


def test_the_expiry_of_a_certificate_is_read_without_a_library(tmp_path: Path) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    keys = DatabaseKeys.generate("orders", now=now, entropy=lambda count: bytes(range(count)))
    file = tmp_path / "tls.crt"
    file.write_text(keys.authority.crt)
    assert expiry(file) == certificate.expiry(keys.authority.crt).timestamp()
    file.write_text("no certificate")
    assert expiry(file) is expiry(tmp_path / "none") is None


def test_the_role_is_made_where_it_is_missing_and_mended_where_it_is_not_as_it_must_be() -> None:
    assert role.needed([]) == role.needed([(True, True, False)]) == []
    made = role.needed([(False, False, True)])
    assert made[0] == "CREATE ROLE keddah_exporter"
    assert made[-1].startswith("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    mended = role.needed([(False, True, False)])
    assert mended == made[1:-1]
    assert "ALTER ROLE keddah_exporter SET search_path = pg_catalog, pg_temp" in mended
    assert "GRANT pg_monitor TO keddah_exporter" in mended


def test_patroni_tells_of_custom_queries_once(tmp_path: Path) -> None:
    file = tmp_path / "problems.json"
    custom = role.CustomQueries(file)
    assert not custom.changed()
    file.write_text('{"a": "wrong"}')
    assert custom.changed()
    assert not custom.changed()
    assert custom.text == "a: wrong"
