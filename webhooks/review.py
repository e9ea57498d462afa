"""Decides AdmissionReviews: which rules apply to which request. No I/O, no clock.

The API server's side is described under "Dynamic Admission Control" in Kubernetes' documentation.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from schemas import admit
from schemas.api import types
from schemas.policy import defaults, patch
from webhooks.answer import Allowed, Denied, forbidden, invalid, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.policy.policy import Policy
    from schemas.verdict import Verdict
    from webhooks.answer import Answer

Hook = Literal["mutate", "validate"]
Object = dict[str, Any]

REVIEW_VERSION = "admission.k8s.io/v1"
REVIEW_KIND = "AdmissionReview"


class MalformedError(Exception):
    """The body is not a review that this server can answer; the text tells the caller what is wrong."""


class GroupVersionKind(msgspec.Struct, frozen=True):
    """A kind as the API server names it."""

    kind: str
    version: str
    group: str = ""

    def __str__(self) -> str:
        return f"{self.group}/{self.version} {self.kind}".removeprefix("/")


class UserInfo(msgspec.Struct, frozen=True):
    """The user who made the request."""

    username: str = ""


class Request(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The parts of an AdmissionRequest that decide; the others are not even decoded."""

    uid: str
    kind: GroupVersionKind
    sub_resource: str = ""
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    name: str = ""
    namespace: str = ""
    object: Object | None = None
    old_object: Object | None = None
    user_info: UserInfo = UserInfo()
    dry_run: bool = False


class AdmissionReview(msgspec.Struct, frozen=True, rename="camel"):
    """The envelope."""

    api_version: str = ""
    kind: str = ""
    request: Request | None = None


_DECODER = msgspec.json.Decoder(AdmissionReview)


def decode(body: bytes) -> Request:
    """Read a review's request from JSON; raises MalformedError."""
    collecting = gc.isenabled()
    # JSON has no cycles, and of a million empty lists the collector would take as long as the decoder.
    gc.disable()
    try:
        review = _DECODER.decode(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"the body is not a review: {_explained(error)}") from None
    finally:
        if collecting:
            gc.enable()
    if review.kind != REVIEW_KIND or review.api_version != REVIEW_VERSION:
        raise MalformedError(
            f"got {review.api_version[:64]!r} {review.kind[:64]!r}; "
            f"this server answers {REVIEW_VERSION} {REVIEW_KIND}"
        )
    if review.request is None:
        raise MalformedError("the review has no request")
    _require_objects(review.request)
    return review.request


def _explained(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _require_objects(request: Request) -> None:
    if request.operation in {"CREATE", "UPDATE"} and request.object is None:
        raise MalformedError(f"a review of {request.operation} has no request.object")
    if request.operation in {"UPDATE", "DELETE"} and request.old_object is None:
        raise MalformedError(f"a review of {request.operation} has no request.oldObject")


def respond(request: Request, hook: Hook, *, policy: Policy, now: datetime) -> Answer:
    """Decide one review.

    `now` is what end-of-life dates, and moments to restore, are compared with. Never raises for what a user
    wrote.
    """
    if _being_deleted(request):
        return Allowed()
    return _mutate(request, policy, now) if hook == "mutate" else _validate(request, policy, now)


def _being_deleted(request: Request) -> bool:
    """Whether the object is being deleted: its finalizers must be removable, whatever its spec holds.

    Only the stored object counts: on CREATE, a user may have written a deletionTimestamp that the API server
    has not removed yet.
    """
    metadata = (request.old_object or {}).get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def _mutate(request: Request, policy: Policy, now: datetime) -> Answer:
    if request.sub_resource or request.object is None or request.operation not in {"CREATE", "UPDATE"}:
        return Allowed()
    if not _is_known(request.kind):
        return unknown(str(request.kind))
    operations = defaults.complete(request.object, policy, request.old_object)
    completed = patch.apply(request.object, operations) if operations else request.object
    # Denied here and not by validate: between the two the API server checks the schema, and would answer
    # with the mistakes that the schema knows, leaving the others for the next attempt.
    # The warnings are validate's, so nobody is told anything twice.
    verdict = admit.admit(completed, request.old_object, policy=policy, now=now, warned=False)
    if not verdict.accepted:
        return _refused(request, verdict)
    return Allowed(patch=(*operations, *defaults.held(request.object, request.old_object)))


def _validate(request: Request, policy: Policy, now: datetime) -> Answer:
    if request.operation == "DELETE":
        return _protect(request)
    if request.object is None or request.operation == "CONNECT" or request.sub_resource not in {"", "scale"}:
        return Allowed()
    if request.sub_resource == "scale":
        verdict = _admit_scale(request, policy)
    elif _is_known(request.kind):
        verdict = admit.admit(request.object, request.old_object, policy=policy, now=now)
    else:
        return unknown(str(request.kind))
    return Allowed(warnings=verdict.warnings) if verdict.accepted else _refused(request, verdict)


def _admit_scale(request: Request, policy: Policy) -> Verdict:
    wanted = _scaled_to(request.object) or 0
    return admit.admit_scale(wanted, _scaled_to(request.old_object), name=request.name, policy=policy)


def _scaled_to(scale: Object | None) -> int | None:
    """Return the instances that an autoscaling/v1 Scale asks for; Go leaves a zero out."""
    if scale is None:
        return None
    spec = scale.get("spec")
    replicas = spec.get("replicas", 0) if isinstance(spec, dict) else 0
    return replicas if isinstance(replicas, int) else 0


def _protect(request: Request) -> Answer:
    """Refuse the deletion of a protected object, also when the API server's own matchCondition is gone.

    And of one that is to have a last backup and has no instance that it could be made of: nothing wakes it
    once it is deleted.
    """
    spec = (request.old_object or {}).get("spec")
    if request.sub_resource or not isinstance(spec, dict):
        return Allowed()
    name = _name(request)
    patch_it = f"kubectl patch {types.SHORT_NAME} {name} -n {request.namespace} --type merge -p"
    if spec.get("deletionProtection") is True:
        off = '{"spec":{"deletionProtection":false}}'
        way = f"got true; set it to false, then delete: {patch_it} '{off}'"
        return forbidden(types.KIND, name, "spec.deletionProtection", way)
    if _cannot_be_backed_up(spec):
        wake, give_up = '{"spec":{"hibernated":false}}', '{"spec":{"backup":{"finalBackup":false}}}'
        way = (
            "got true, and backup.finalBackup asks for a last backup: wake it, then delete: "
            f"{patch_it} '{wake}'; or delete it without: {patch_it} '{give_up}'"
        )
        return forbidden(types.KIND, name, "spec.hibernated", way)
    return Allowed()


def _cannot_be_backed_up(spec: Object) -> bool:
    backup = spec.get("backup")
    wanted = isinstance(backup, dict) and backup.get("finalBackup") is True
    return wanted and spec.get("hibernated") is True and spec.get("deletionPolicy") == "Delete"


def _refused(request: Request, verdict: Verdict) -> Denied:
    return invalid(types.KIND, _name(request), verdict.violations)


def _name(request: Request) -> str:
    """Name the object as its author does.

    The request has no name while an object with generateName is created, or all of a namespace are deleted.
    """
    metadata: Mapping[str, Any] = (request.object or request.old_object or {}).get("metadata") or {}
    if not isinstance(metadata, dict):
        return request.name
    return request.name or str(metadata.get("name") or metadata.get("generateName") or "")


def _is_known(kind: GroupVersionKind) -> bool:
    return (kind.group, kind.version, kind.kind) == (types.GROUP, types.VERSION, types.KIND)
