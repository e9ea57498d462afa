"""Repositories for the tests of admission, and what is said of a change of them."""

from __future__ import annotations

from typing import Any

from schemas.admit import admit
from tests import factory
from tests.verdicts import NOW, POLICY

S3: dict[str, Any] = {"bucket": "backups", "endpoint": "s3.example.com"}


def s3(**fields: object) -> dict[str, Any]:
    """Give a spec.backup with a bucket; keywords are fields of spec.backup.repository.s3."""
    return {"repository": {"s3": {**S3, **fields}}}


def volume(size: str) -> dict[str, Any]:
    """Give a spec.backup with a volume of this size."""
    return {"repository": {"volume": {"size": size}}}


def changed(old: dict[str, Any], new: dict[str, Any], count: int = 0) -> tuple[list[str], tuple[str, ...]]:
    """Give violations and warnings of an update, where the repository holds so many backups."""
    before = {**factory.complete_database(replicas=3, **old), "status": {"backups": {"count": count}}}
    verdict = admit(factory.complete_database(replicas=3, **new), before, policy=POLICY, now=NOW)
    return [str(violation) for violation in verdict.violations], verdict.warnings
