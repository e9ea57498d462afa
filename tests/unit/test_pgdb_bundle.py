"""A support bundle holds no secret, wherever somebody wrote it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubectl_pgdb.__main__ import main
from kubectl_pgdb.bundle import GONE, about, manifest, text
from kubectl_pgdb.kubectl import Ended
from tests.factory import database


@pytest.mark.parametrize(
    "said",
    [
        "postgresql://app:hunter2@orders:5432/app",
        "host=orders user=app password=hunter2 dbname=app",
        "ALTER ROLE app PASSWORD 'hunter2'",
        "ALTER ROLE app WITH ENCRYPTED PASSWORD 'hunter2 with blanks';",
        '{"password": "hunter2"}',
        "PGPASSWORD=hunter2 psql",
        "Authorization: Bearer hunter2.and.more",
        "aws_secret=hunter2",
        "repo1-s3-key-secret=hunter2",
        "SCRAM-SHA-256$4096:hunter2$hunter2:hunter2=",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_goes(said: str) -> None:
    found = text(said)
    assert "hunter2" not in found
    assert GONE in found


@pytest.mark.parametrize(
    "said",
    [
        "password authentication failed for user app",
        "2026-12-01 LOG:  checkpoint complete",
        "Secret orders-app was missing, and was written again",
    ],
)
def test_what_helps_stays(said: str) -> None:
    assert text(said) == said


def test_values_of_variables_go_and_their_names_stay() -> None:
    given = {
        "metadata": {
            "managedFields": [1],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "kept": "1"},
        },
        "spec": {
            "template": {"env": [{"name": "TOKEN", "value": "hunter2"}]},
            "containers": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}]}],
        },
    }
    found = manifest(given)
    assert "hunter2" not in str(found)
    assert found["metadata"] == {"annotations": {"kept": "1"}}
    assert found["spec"]["template"]["env"] == [{"name": "TOKEN", "value": GONE}]
    assert found["spec"]["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"] == {"key": "k"}


def test_events_of_others_stay_where_they_are() -> None:
    names = ["orders", "orders-0", "data-orders-0", "orders2", "shop", "my-orders"]
    events = {"items": [{"involvedObject": {"name": name}} for name in names]}
    assert [each["involvedObject"]["name"] for each in about(events, "orders")["items"]] == names[:3]


def test_what_may_not_be_read_is_told_in_the_file_that_would_have_it(tmp_path: Path) -> None:
    def kubectl(command: Sequence[str], _: str | None) -> Ended:
        refused = {"nodes", "logs"} & set(command)
        said = database("orders") | {"items": []}
        return Ended(1, err=f"Forbidden: {refused.pop()}") if refused else Ended(0, json.dumps(said))

    file = tmp_path / "orders.tar.gz"
    done = CliRunner().invoke(main, ["report", "orders", "--file", str(file)], obj=kubectl)
    assert done.exit_code == 0, done.output
    assert "before you give it away" in done.output
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        held = {each.name: archive.extractfile(each) for each in archive}
        texts = {name: part.read().decode() for name, part in held.items() if part}
    assert texts["orders/nodes.yaml"] == "Forbidden: nodes"
    assert texts["orders/logs.txt"] == texts["orders/operator.log"] == "Forbidden: logs"
    assert "not looked at yet" in texts["orders/status.txt"]
    assert all(name in done.output for name in ("children.yaml", "database.yaml", "versions.txt"))
