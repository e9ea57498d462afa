"""Applies the admission rules to files, without a cluster.

Objects are validated as on creation: only a cluster knows what an update would change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.admit import admit
from schemas.api.types import API_VERSION, GROUP, KIND
from schemas.lint.documents import Document, UnreadableError, documents
from schemas.policy.defaults import completed
from schemas.policy.policy import Policy, parse
from schemas.structure import unknown_fields
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

FINE: Final = 0
REFUSED: Final = 1
UNREADABLE: Final = 2

_DEFAULT_POLICY = Path(__file__).parents[1] / "data" / "policy.yaml"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something to say of a line; `exit_code` tells how bad it is."""

    line: int
    text: str
    exit_code: int


def default_policy() -> Policy:
    """Return the policy that keddah is installed with, which `python -m deploy manifests` writes."""
    return parse(_DEFAULT_POLICY.read_text(encoding="utf-8"))


def lint(text: str, *, policy: Policy, now: datetime) -> Iterator[Finding]:
    """Judge every database in a YAML file, in the order of its lines; other kinds are passed by.

    What follows a place that is no YAML is not read.
    """
    try:
        for document in documents(text):
            for database in _databases(document):
                yield from sorted(_findings(database, policy, now))
    except UnreadableError as error:
        yield Finding(error.line, str(error), UNREADABLE)


def _databases(document: Document) -> Iterator[Document]:
    value = document.value
    if not isinstance(value, dict):
        return
    if value.get("kind") == KIND and _is_ours(value.get("apiVersion")):
        yield document
    elif str(value.get("kind")).endswith("List") and isinstance(value.get("items"), list):
        for index in range(len(value["items"])):
            yield from _databases(document.item(index))


def _is_ours(api_version: object) -> bool:
    # One without a version is a database by its kind, and wrong; another's kind of the same name is not ours.
    return api_version is None or str(api_version).partition("/")[0] == GROUP


def _findings(database: Document, policy: Policy, now: datetime) -> Iterator[Finding]:
    manifest: dict[str, Any] = database.value
    verdict = admit(completed(manifest, policy), None, policy=policy, now=now)
    mistakes = {violation.path: violation for violation in (*_kind(manifest), *verdict.violations)}
    for violation in unknown_fields(manifest):
        mistakes.setdefault(violation.path, violation)
    for violation in mistakes.values():
        yield Finding(database.line(violation.path), str(violation), REFUSED)
    for warning in verdict.warnings:
        path = warning.partition(": ")[0]
        line = database.line(path) if path.startswith(("spec", "metadata")) else database.line("")
        yield Finding(line, f"warning: {warning}", FINE)


def _kind(manifest: dict[str, Any]) -> Iterator[Violation]:
    version = manifest.get("apiVersion")
    if version != API_VERSION:
        yield got("apiVersion", version, f"write {API_VERSION}")
