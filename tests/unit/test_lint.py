from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.manifests import DATA, data_files, differences
from schemas.__main__ import main
from schemas.lint import files as lint
from tests import factory

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"

MISTAKES = """\
    # A comment is line 1.
    apiVersion: v1
    kind: ConfigMap
    data: {replicas: none}
    ---
    apiVersion: keddah.dev/v1alpha1
    kind: PostgreSQLDatabase
    metadata:
      name: orders
    spec:
      replicas: 0
      backupSchedule: 61 * * * *
      storage: {size: 10GB}
      colour: blue
      parameters:
        work_mem: 8MBB
      hba:
        - local all all peer
        - host all all all trust
    """

NO_VALUE = "is not YAML: found a value that is not of its type, or a character that there is not"


def found(text: str) -> list[str]:
    findings = lint.lint(dedent(text), policy=factory.policy(), now=NOW)
    return [f"{finding.line}: {finding.text}" for finding in findings]


def mistakes(text: str) -> list[str]:
    return [line for line in found(text) if "warning: " not in line]


def database(spec: str) -> str:
    head = "apiVersion: keddah.dev/v1alpha1\nkind: PostgreSQLDatabase\nmetadata: {name: orders}\n"
    return head + dedent(spec)


def test_every_mistake_is_told_with_its_line() -> None:
    assert mistakes(MISTAKES) == [
        "11: spec.replicas: got 0; must be from 1 to 9",
        '12: spec.backupSchedule: got "61 * * * *"; minute field "61": 61 is above 59',
        (
            '13: spec.storage.size: got "10GB"; suffix "GB" is not known; '
            "write Gi for powers of 1024 or G for 1000"
        ),
        '14: spec.colour: got "blue"; is not a known field; leave it out',
        '16: spec.parameters.work_mem: got "8MBB"; unit "MBB" is not known; write MB',
        (
            '19: spec.hba[1]: got "host all all all trust"; '
            "method trust would let anybody connect without a password; write scram-sha-256"
        ),
    ]


def test_mistakes_of_backups_and_restores_have_their_lines_too() -> None:
    text = database("""\
        spec:
          backup:
            timeZone: Mars/Olympus
            verify: {schedule: never}
            repository:
              s3: {bucket: Backups, endpoint: s3.example.com}
          restore:
            from: {name: ledger}
            targetTime: 2999-01-01T00:00:00Z
        """)
    assert [line.split(": got")[0] for line in mistakes(text)] == [
        "6: spec.backup.timeZone",
        "7: spec.backup.verify.schedule",
        "9: spec.backup.repository.s3.bucket",
        "12: spec.restore.targetTime",
    ]


def test_a_request_in_a_file_is_judged() -> None:
    text = database("spec: {}\n").replace(
        "{name: orders}", "\n  name: orders\n  annotations:\n    keddah.dev/backup-now: a b"
    )
    assert [line.split(": got")[0] for line in mistakes(text)] == [
        '6: metadata.annotations["keddah.dev/backup-now"]'
    ]


def test_a_right_database_has_no_mistakes() -> None:
    assert mistakes(database("spec: {version: '17', replicas: 3}")) == []


def test_warnings_have_lines_as_well() -> None:
    text = database("spec:\n  replicas: 3\n  backupSchedule: '*/100 3 * * *'\n")
    assert any(line.startswith("6: warning: spec.backupSchedule: minute field") for line in found(text))


def test_what_is_absent_is_told_at_the_nearest_part_that_is_there() -> None:
    assert [line.partition(":")[0] for line in found(database("spec: {}")) if "spec.replicas" in line] == [
        "4"
    ]


def test_an_object_that_only_has_a_kind_says_what_is_missing() -> None:
    lines = mistakes("kind: PostgreSQLDatabase\n")
    assert "1: apiVersion: got null; write keddah.dev/v1alpha1" in lines


def test_another_version_of_the_api_is_refused() -> None:
    text = "kind: PostgreSQLDatabase\napiVersion: keddah.dev/v1\nmetadata: {name: orders}\n"
    assert mistakes(text) == ['2: apiVersion: got "keddah.dev/v1"; write keddah.dev/v1alpha1']


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n---\n",
        "# nothing\n",
        "kind: Pod\napiVersion: v1\n",
        "- 1\n- 2\n",
        "kind: PostgreSQLDatabase\napiVersion: other.example/v1\nspec: {replicas: 0}\n",
        "kind: List\nitems: nothing\n",
    ],
)
def test_what_is_no_database_is_passed_by(text: str) -> None:
    assert found(text) == []


def test_lists_are_looked_into() -> None:
    text = """\
    apiVersion: v1
    kind: List
    items:
    - kind: Pod
    - apiVersion: keddah.dev/v1alpha1
      kind: PostgreSQLDatabase
      metadata: {name: orders}
      spec:
        replicas: 0
    - kind: PostgreSQLDatabaseList
      items:
      - apiVersion: keddah.dev/v1alpha1
        kind: PostgreSQLDatabase
        metadata: {name: Orders}
    """
    assert [line.split(": got")[0] for line in mistakes(text)] == ["9: spec.replicas", "14: metadata.name"]


def test_an_item_takes_the_line_of_its_value() -> None:
    text = database("spec:\n  hba:\n    - local all all peer\n\n    - nonsense\n")
    assert [line.split(": got")[0] for line in mistakes(text)] == ["8: spec.hba[1]"]


def test_a_key_that_is_no_plain_word_has_its_line() -> None:
    text = database("spec:\n  parameters:\n    work_mem: 4MB\n    'a b': '1'\n")
    assert [line.partition(": ")[0] for line in mistakes(text)] == ["7"]


def test_an_anchor_counts_where_it_is_used() -> None:
    text = database("spec:\n  parameters: &p {work_mem: 4MB}\n  template: {labels: *p}\n")
    assert mistakes(text) == []


def test_a_date_stays_text_as_it_does_in_kubectl() -> None:
    assert mistakes(database("spec: {template: {labels: {since: 2026-11-23}}}")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [\n", "3: is not YAML: expected the node content, but found '<stream end>'"),
        ("a: 1\nb: 2\na: 3\n", '3: key "a" is given twice, first in line 1; leave one out'),
        ("a: {b: 1, b: 2}\n", '1: key "b" is given twice; leave one out'),
        ("a:\n\tb: 1\n", "2: is not YAML: found character '\\t' that cannot start any token"),
        ("a: \x01\n", "1: is not YAML: special characters are not allowed"),
        (
            "a: !!python/name:os.system x\n",
            (
                "1: is not YAML: could not determine a constructor for the tag "
                "'tag:yaml.org,2002:python/name:os.system'"
            ),
        ),
        ("a: 1\nb: !!int ''\n", f"2: {NO_VALUE}"),
        ("a:\n  b: !!bool x\n", f"2: {NO_VALUE}"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', f"2: {NO_VALUE}"),
        ('a: 1\nb: "\\uD83D\\uDC18"\n', f"2: {NO_VALUE}"),  # kubectl refuses it too
        ("a: &a [*a]\n", "1: is nested deeper than 100 levels"),
        ("[\n" * 1200, "1: is nested deeper than 100 levels"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(text: str, message: str) -> None:
    assert found(text) == [message]


def test_documents_before_an_unreadable_place_are_judged() -> None:
    lines = mistakes(database("spec: {replicas: 0}\n") + "---\na: [\n")
    assert [line.partition(" got")[0] for line in lines] == [
        "4: spec.replicas:",
        "7: is not YAML: expected the node content, but found '<stream end>'",
    ]


@settings(max_examples=60)
@given(st.text(alphabet="ab:-[]{}&*!#|>'\"\n 1", max_size=40))
def test_no_text_is_a_crash(text: str) -> None:
    found(text)
    found(f"kind: PostgreSQLDatabase\nspec:\n {text}")


def run(*arguments: str | Path) -> int:
    return main(["lint", *map(str, arguments)])


def test_fine_files_exit_with_0(tmp_path: Path) -> None:
    file = tmp_path / "fine.yaml"
    file.write_text(database("spec: {replicas: 3}"))
    assert run(file) == 0
    assert run(SAMPLES / "small.yaml", SAMPLES / "full.yaml") == 0


def test_a_refused_database_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SAMPLES / "mistakes.yaml") == 1
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    assert printed[1] == f"{SAMPLES}/mistakes.yaml:8: spec.replicas: got 0; must be from 1 to 9"


def test_an_unreadable_file_exits_with_2_and_the_others_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [\n")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe")
    assert run(broken, binary, tmp_path / "missing.yaml", tmp_path, SAMPLES / "mistakes.yaml") == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 5
    assert captured.err.splitlines() == [
        f"{broken}:2: is not YAML: expected the node content, but found '<stream end>'",
        f"{binary}: cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        f"{tmp_path}/missing.yaml: cannot be read: No such file or directory",
        f"{tmp_path}: cannot be read: Is a directory",
    ]


def test_a_dash_is_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = database("spec: {replicas: 0}").encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    assert run("-") == 1
    assert capsys.readouterr().out == "<stdin>:4: spec.replicas: got 0; must be from 1 to 9\n"


def test_a_policy_of_ones_own_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(factory.POLICY.replace("maximum: 9", "maximum: 3"))
    file = tmp_path / "five.yaml"
    file.write_text(database("spec: {replicas: 5}"))
    assert run("--policy", policy, file) == 1
    assert "spec.replicas: got 5; must be from 1 to 3" in capsys.readouterr().out
    assert run(file) == 0


def test_a_wrong_policy_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("catalogue: []\n")
    assert run("--policy", policy, os.devnull) == 2
    assert f"{policy}: defaultVersion: " in capsys.readouterr().err
    assert run("--policy", tmp_path / "none.yaml", os.devnull) == 2


def test_the_default_policy_is_the_one_that_is_installed() -> None:
    assert differences(DATA, data_files()) == []
    assert lint.default_policy().versions()


def test_no_file_is_a_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    assert "FILE" in capsys.readouterr().err
