"""A support bundle holds no secret, wherever somebody wrote it."""

from __future__ import annotations

import pytest

from kubectl_pgdb.bundle import GONE, about, manifest, text


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
