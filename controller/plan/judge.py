"""The admission rules, run once more before anything is done: the webhook may not have been there."""

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
    """What may be acted on, and what may not."""

    db: PostgreSQLDatabase | None
    """The database to bring about: as stored, else as last accepted; None where there is neither."""
    accepted: str
    """The spec of `db` as JSON."""
    release: Release | None
    violations: tuple[Violation, ...]
    version_changed: bool = False
    """Whether spec.version is another than that of the spec that was acted on last."""


def judge(manifest: Manifest, statefulset: Manifest | None, policy: Policy, today: date) -> Judgement:
    """Judge a stored object against the spec that was last acted on.

    A refused change leaves the accepted spec in force, so that the running database goes on being kept;
    a rule or a policy that became stricter since does not freeze what it once accepted.
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
