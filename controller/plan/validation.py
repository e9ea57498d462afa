"""Runs the admission rules again before anything is done: the webhook may have been unavailable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from controller.kube.objects import Manifest
from controller.plan.acceptance import Acceptance
from schemas.admit import admit
from schemas.api.types import PostgreSQLDatabase, decode
from schemas.policy.defaults import completed
from schemas.policy.policy import Policy, Release
from schemas.verdict import Violation


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of validation: what may be acted on, and what is wrong."""

    db: PostgreSQLDatabase | None
    """The database to reconcile: as stored if valid, else as last accepted; None if there is neither."""
    accepted: str
    """The spec of `db` as JSON."""
    release: Release | None
    violations: tuple[Violation, ...]
    version_changed: bool = False
    """Whether spec.version differs from the last accepted spec."""
    before: PostgreSQLDatabase | None = None
    """The database as it was accepted before."""
    written: Manifest | None = None
    """The pod template that was written last."""


def validate(manifest: Manifest, known: Acceptance | None, policy: Policy, now: datetime) -> Decision:
    """Validate a stored object as an update of what was accepted of it before.

    After a refused change the accepted spec stays in force, so the running database is still reconciled. A
    rule or policy that became stricter meanwhile does not affect fields that did not change.
    """
    old = {**manifest, "spec": known.spec} if known else None
    whole = completed(manifest, policy, old)
    violations = admit(whole, old, policy=policy, now=now, warned=False).violations
    effective = whole if not violations else old
    if effective is None:
        return Decision(None, "", None, violations)
    db, unreadable = _typed(effective, policy)
    if db is None:
        return Decision(None, "", None, violations or unreadable)
    text = json.dumps(effective["spec"], sort_keys=True, separators=(",", ":"))
    return Decision(
        db,
        text,
        policy.release(str(db.spec.version)),
        violations,
        version_changed=known is not None and known.spec.get("version") != effective["spec"].get("version"),
        before=_typed(old, policy)[0] if old else None,
        written=known.template if known else None,
    )


def _typed(
    manifest: Mapping[str, Any], policy: Policy
) -> tuple[PostgreSQLDatabase | None, tuple[Violation, ...]]:
    """Read what is in force into types; nulls count as absent, as they do for the API server.

    What was stored before its structure was checked may still be unreadable: that is said, not raised.
    """
    try:
        return decode(manifest), ()
    except msgspec.ValidationError:
        # Imported here: jsonschema is memory that right objects never need.
        from schemas import structure  # noqa: PLC0415

        found = structure.examine(manifest, None, policy)
        return (None if found.violations else found.sound), found.violations
