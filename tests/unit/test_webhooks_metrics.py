"""What the admission server counts of what it denies."""

from __future__ import annotations

import pytest

from schemas.verdict import Violation
from webhooks.answer import Allowed, invalid
from webhooks.metrics import Metrics
from webhooks.review import GroupVersionKind, Request


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("spec.parameters.some_users_word", "spec.parameters"),
        ("spec.databases[3].name", "spec.databases"),
        ("spec.nothing_known", "other"),
        ('spec["a b"]', "other"),
        ("metadata.name", "other"),
    ],
)
def test_mistakes_are_counted_by_the_field_and_never_by_what_a_user_writes(path: str, field: str) -> None:
    metrics = Metrics()
    answer = invalid("PostgreSQLDatabase", "orders", (Violation(path, "wrong"),))
    request = Request(
        uid="1", kind=GroupVersionKind("PostgreSQLDatabase", "v1alpha1", "keddah.dev"), operation="CREATE"
    )
    metrics.reviewed("validate", request, answer, 0.001)
    metrics.reviewed("validate", request, Allowed(), 0.001)
    assert f'keddah_admission_rejections_total{{field="{field}"}} 1.0\n' in metrics.text().decode()
