"""Decides AdmissionReviews: which rules apply to which request. No I/O, no clock.

The API server's side is described under "Dynamic Admission Control" in Kubernetes' documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from schemas import admit, defaults, patch, types
from webhooks.answer import Allowed, Denied, forbidden, invalid, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from schemas.policy import Policy
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


class Review(msgspec.Struct, frozen=True, rename="camel"):
    """The envelope."""

    api_version: str = ""
    kind: str = ""
    request: Request | None = None


_DECODER = msgspec.json.Decoder(Review)


def decode(body: bytes) -> Request:
    """Read a review's request from JSON; raises MalformedError."""
    try:
        review = _DECODER.decode(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"the body is not a review: {_explained(error)}") from None
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


def respond(request: Request, hook: Hook, *, policy: Policy, today: date) -> Answer:
    """Decide one review.

    `today` is the UTC date that end-of-life dates are compared with. Never raises for what a user wrote.
    """
    if _being_deleted(request):
        return Allowed()
    return _mutate(request, policy, today) if hook == "mutate" else _validate(request, policy, today)


def _being_deleted(request: Request) -> bool:
    """Whether the object is being deleted: its finalizers must be removable, whatever its spec holds.

    Only the stored object counts: on CREATE, a user may have written a deletionTimestamp that the API server
    has not removed yet.
    """
    metadata = (request.old_object or {}).get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def _mutate(request: Request, policy: Policy, today: date) -> Answer:
    if request.sub_resource or request.object is None or request.operation not in {"CREATE", "UPDATE"}:
        return Allowed()
    if not _is_known(request.kind):
        return unknown(str(request.kind))
    operations = defaults.complete(request.object, policy, request.old_object)
    completed = patch.apply(request.object, operations) if operations else request.object
    # Denied here and not by validate: between the two the API server checks the schema, and would answer
    # with the mistakes that the schema knows, leaving the others for the next attempt.
    verdict = admit.admit(completed, request.old_object, policy=policy, today=today)
    if not verdict.accepted:
        return _refused(request, verdict)
    return Allowed(patch=tuple(operations))


def _validate(request: Request, policy: Policy, today: date) -> Answer:
    if request.operation == "DELETE":
        return _protect(request)
    if request.object is None or request.operation == "CONNECT" or request.sub_resource not in {"", "scale"}:
        return Allowed()
    if request.sub_resource == "scale":
        verdict = _admit_scale(request, policy)
    elif _is_known(request.kind):
        verdict = admit.admit(request.object, request.old_object, policy=policy, today=today)
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
    """Refuse the deletion of a protected object, also when the API server's own matchCondition is gone."""
    spec = (request.old_object or {}).get("spec")
    if request.sub_resource or not isinstance(spec, dict) or spec.get("deletionProtection") is not True:
        return Allowed()
    return forbidden(
        types.KIND,
        request.name,
        "spec.deletionProtection",
        "got true; set it to false, then delete: "
        f"kubectl patch {types.SHORT_NAME} {request.name} -n {request.namespace} --type merge "
        """-p '{"spec":{"deletionProtection":false}}'""",
    )


def _refused(request: Request, verdict: Verdict) -> Denied:
    return invalid(types.KIND, _name(request), verdict.violations)


def _name(request: Request) -> str:
    """Name the object as its author does: none is made yet when an object with generateName is created."""
    metadata: Mapping[str, Any] = (request.object or {}).get("metadata") or {}
    return request.name or str(metadata.get("name") or metadata.get("generateName") or "")


def _is_known(kind: GroupVersionKind) -> bool:
    return (kind.group, kind.version, kind.kind) == (types.GROUP, types.VERSION, types.KIND)
