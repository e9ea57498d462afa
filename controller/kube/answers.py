"""The API server's answers, and its errors as exceptions."""

from __future__ import annotations

import msgspec

from controller.kube.objects import Manifest


class KubeError(Exception):
    """The API server did not do what it was asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Conflict(KubeError):  # noqa: N818 - the API server's own word
    """A precondition did not hold, or the object exists already (409)."""


class Refused(KubeError):  # noqa: N818 - what happened, and it is not the client that erred
    """The request will be refused each time it is made: by a rule, a quota, a webhook, or RBAC (4xx)."""


class Unavailable(KubeError):  # noqa: N818 - what the API server is
    """No answer, or a status that may go away by itself (401, 429, 5xx)."""


_NOT_THE_SCHEMA = "typed patch object"
"""In the API server's words for an apply with a field that its schema does not have: the answer is 500."""


def read(status: int, content: bytes, what: str) -> Manifest:
    """Decode an answer; raises Conflict, Refused or Unavailable, with `what` was asked, when it is none."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        manifest: Manifest = msgspec.json.decode(content)
        return manifest
    message = f"{what}: {_message(content)}"
    if status in (0, 401, 429) or (status >= 500 and _NOT_THE_SCHEMA not in message):  # noqa: PLR2004 - HTTP
        raise Unavailable(status, message)
    raise (Conflict if status == 409 else Refused)(status, message)  # noqa: PLR2004 - HTTP


def _message(content: bytes) -> str:
    """Return the message of a Status (API conventions), or the start of whatever else was answered."""
    try:
        return str(msgspec.json.decode(content)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return content[:500].decode(errors="replace")
