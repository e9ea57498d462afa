"""Decisions, and the AdmissionReview that carries them back, worded for what kubectl prints.

kubectl prints a refusal with reason Invalid from its causes, `* field: message` each; where several files
are applied at once, and in events and logs of other tools, the message itself is shown.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.api import types

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.verdict import Violation

MOST_CAUSES = 100
"""Causes listed in one refusal: enough for every human, and a bound for an object of 3 MiB of mistakes."""


class Cause(msgspec.Struct, frozen=True):
    """One mistake, as metav1.StatusCause."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What is refused, as metav1.StatusDetails."""

    name: str
    kind: str
    group: str = types.GROUP
    causes: tuple[Cause, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why, as metav1.Status."""

    status: str = msgspec.field(default_factory=lambda: "Failure")
    message: str
    reason: str
    code: int
    details: Details | None = None


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """Go on, with the patch applied first. RFC 6902 operations."""

    patch: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


class Denied(msgspec.Struct, frozen=True):
    """Refused."""

    status: Status

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths of the mistakes: what may be logged. Messages quote values, which may be secret."""
        return tuple(cause.field for cause in self.status.details.causes) if self.status.details else ()


Answer = Allowed | Denied


class _Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    uid: str
    allowed: bool
    patch_type: str | None = None
    patch: bytes | None = None
    status: Status | None = None
    warnings: Sequence[str] = ()


class _Review(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str = "admission.k8s.io/v1"
    kind: str = "AdmissionReview"
    response: _Response


_ENCODER = msgspec.json.Encoder()


def encode(uid: str, answer: Answer) -> bytes:
    """Return the JSON of the review that answers request `uid`."""
    if isinstance(answer, Denied):
        response = _Response(uid=uid, allowed=False, status=answer.status)
    elif answer.patch:
        # msgspec writes bytes as base64, which is what the API server reads a patch from.
        response = _Response(
            uid=uid,
            allowed=True,
            patch_type="JSONPatch",
            patch=_ENCODER.encode(answer.patch),
            warnings=answer.warnings,
        )
    else:
        response = _Response(uid=uid, allowed=True, warnings=tuple(map(_one_line, answer.warnings)))
    return _ENCODER.encode(_Review(response=response))


def invalid(kind: str, name: str, violations: Iterable[Violation]) -> Denied:
    """Refuse an object for its fields: 422, one cause a violation."""
    causes = [
        Cause(_one_line(violation.path), _one_line(violation.message))
        for violation in islice(violations, MOST_CAUSES + 1)
    ]
    shown = tuple(causes[:MOST_CAUSES])
    details = Details(name=name, kind=kind, causes=shown)
    message = _message(name, shown, more=len(causes) > MOST_CAUSES)
    return Denied(
        Status(code=HTTPStatus.UNPROCESSABLE_ENTITY, reason="Invalid", message=message, details=details)
    )


def forbidden(kind: str, name: str, field: str, message: str) -> Denied:
    """Refuse what is well formed but not allowed: 403."""
    details = Details(name=name, kind=kind, causes=(Cause(field, message, "FieldValueForbidden"),))
    text = f"{field}: {message}"
    return Denied(Status(code=HTTPStatus.FORBIDDEN, reason="Forbidden", message=text, details=details))


def unknown(kind: str) -> Denied:
    """Refuse an object of a version or kind that this server has no rules for: 400."""
    message = f"got {_one_line(kind)}; this server knows {types.API_VERSION} {types.KIND} only"
    return Denied(Status(code=HTTPStatus.BAD_REQUEST, reason="BadRequest", message=message))


def _message(name: str, causes: Sequence[Cause], *, more: bool) -> str:
    """Name the object too: kubectl does not where one of several in a file is refused."""
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    if len(lines) == 1:
        return f"1 mistake in {name}: {lines[0]}"
    numbered = [f"  {number}. {line}" for number, line in enumerate(lines, start=1)]
    count, rest = (f"more than {len(lines)}", ["  and more"]) if more else (str(len(lines)), [])
    return "\n".join([f"{count} mistakes in {name}:", *numbered, *rest])


def _one_line(text: str) -> str:
    """Escape what would break a line or be refused in an HTTP header: a user's value may hold anything."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
