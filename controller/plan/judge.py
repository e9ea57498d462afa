"""Runs the admission rules again before anything is done: the webhook may have been unavailable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from controller.observe.world import Manifest
from controller.plan.planner import ACCEPTED
from schemas.admit import admit
from schemas.defaults import completed
from schemas.policy import Policy, Release
from schemas.types import PostgreSQLDatabase, decode
from schemas.verdict import Violation


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of validation: what may be acted on, and what is wrong."""

    db: PostgreSQLDatabase | None
    """The database to reconcile: as stored if valid, else as last accepted; None if there is neither."""
    accepted: str
    """The spec of `db` as JSON."""
    release: Release | None
    violations: tuple[Violation, ...]
    version_changed: bool = False
    """Whether spec.version differs from the last accepted spec."""


def judge(manifest: Manifest, statefulset: Manifest | None, policy: Policy, today: date) -> Judgement:
    """Validate a stored object as an update of the last accepted spec.

    After a refused change the accepted spec stays in force, so the running database is still reconciled. A
    rule or policy that became stricter meanwhile does not affect fields that did not change.
    """
    before = _accepted(statefulset)
    old = {**manifest, "spec": before} if before is not None else None
    whole = completed(manifest, policy, old)
    violations = admit(whole, old, policy=policy, today=today).violations
    effective = whole if not violations else old
    if effective is None:
        return Judgement(None, "", None, violations)
    db = decode(effective)
    text = json.dumps(effective["spec"], sort_keys=True, separators=(",", ":"))
    changed = before is not None and before.get("version") != effective["spec"].get("version")
    return Judgement(db, text, policy.release(str(db.spec.version)), violations, changed)


def _accepted(statefulset: Manifest | None) -> Mapping[str, Any] | None:
    if statefulset is None:
        return None
    text = (statefulset["metadata"].get("annotations") or {}).get(ACCEPTED)
    try:
        spec = json.loads(text or "null")
    except ValueError:
        return None
    return spec if isinstance(spec, dict) else None
