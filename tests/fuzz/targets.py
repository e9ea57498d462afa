"""What must hold for any input: a target raises an error where it does not.

An input is bytes, as they come from a connection or a file. None may take long, whoever wrote it.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import jsonpatch

from schemas.kubernetes import amounts, duration, labels, moments, quantity, s3, timezones
from schemas.kubernetes.cron import schedule
from schemas.lint.files import lint
from schemas.policy import patch
from schemas.policy import policy as policies
from schemas.postgresql import identifiers, versions
from schemas.postgresql.hba import lines as hba
from schemas.postgresql.parameters import check as parameters
from schemas.postgresql.parameters import strings, table
from tests import factory
from webhooks.answer import Allowed, Denied, encode
from webhooks.review import MalformedError, Request, decode, respond

if TYPE_CHECKING:
    from collections.abc import Callable

NOW: Final = datetime(2026, 11, 23, tzinfo=UTC)
LONGEST_SECONDS: Final = 1.0
"""Processor time of one input of at most `LARGEST` bytes; the slowest ordinary one needs a hundredth."""
LARGEST: Final = 16 * 1024
LARGEST_ANSWER: Final = 1024 * 1024
_MAJORS: Final = (17, 18)


class FaultError(AssertionError):
    """What must hold does not."""


def timely(target: Callable[[bytes], None], content: bytes) -> float:
    """Try an input; returns the seconds of processor time, raises FaultError where they are too many."""
    started = time.thread_time()
    target(content)
    seconds = time.thread_time() - started
    if seconds > LONGEST_SECONDS:
        raise FaultError(f"took {seconds:.1f} s")
    return seconds


def review(content: bytes) -> None:
    """Try a body: both hooks decide it, and what is completed is accepted and complete."""
    try:
        request = decode(content)
    except MalformedError as error:
        str(error).encode()
        return
    for hook in ("validate", "mutate"):
        answer = respond(request, hook, policy=factory.policy(), now=NOW)
        _readable(request, answer)
    if isinstance(answer, Allowed) and answer.patch and request.object is not None:
        _completed(request, answer)


def _readable(request: Request, answer: Allowed | Denied) -> None:
    encoded = encode(request.uid, answer)
    if len(encoded) > LARGEST_ANSWER + len(request.uid):
        raise FaultError(f"the answer has {len(encoded)} bytes")
    json.loads(encoded)
    said = answer.warnings if isinstance(answer, Allowed) else (answer.status.message,)
    if not all(said):
        raise FaultError("nothing is said")
    if isinstance(answer, Denied) and answer.status.code == 422 and not answer.fields:
        raise FaultError("a refusal without a mistake")


def _completed(request: Request, answer: Allowed) -> None:
    given: Any = request.object
    whole = patch.apply(given, answer.patch)
    if whole != jsonpatch.apply_patch(given, list(answer.patch)):
        raise FaultError("the patch does not do what RFC 6902 says")
    review_again = _with(request, whole)
    again = respond(review_again, "mutate", policy=factory.policy(), now=NOW)
    if again != Allowed():
        raise FaultError(f"completed twice: {again}")
    if isinstance(respond(review_again, "validate", policy=factory.policy(), now=NOW), Denied):
        raise FaultError("what was completed is refused")


def _with(request: Request, whole: dict[str, Any]) -> Request:
    return Request(
        uid=request.uid,
        kind=request.kind,
        sub_resource=request.sub_resource,
        operation=request.operation,
        name=request.name,
        namespace=request.namespace,
        object=whole,
        old_object=request.old_object,
    )


def linter(content: bytes) -> None:
    """Try a file: every finding has a line of it, and can be printed."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    last = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + 2
    for finding in lint(text, policy=factory.policy(), now=NOW):
        finding.text.encode()
        if not 1 <= finding.line <= last:
            raise FaultError(f"line {finding.line} of {last}")


def parsers(content: bytes) -> None:
    """Try a text as all that users write into single fields; the first byte says which of them."""
    text = content[1:].decode(errors="replace")
    _PARSERS[content[0] % len(_PARSERS) if content else 0](text)


def _told(problem: str | None) -> None:
    if problem is not None:
        problem.encode()
    if problem == "":
        raise FaultError("nothing is said")


def _cron(text: str) -> None:
    try:
        found = schedule.parse(text)
    except schedule.CronError as error:
        _told(str(error))
        return
    following = found.next(NOW)
    if (following is None) != found.never_fires:
        raise FaultError("a schedule that never fires fires, or the other way round")
    if following is not None and following <= NOW:
        raise FaultError("the next moment is past")
    if found.never_fires and found.text.startswith("@") is False:
        _told(found.why_never())


def _duration(text: str) -> None:
    for read in (duration.parse, duration.seconds):
        try:
            read(text)
        except duration.DurationError as error:
            _told(str(error))


def _quantity(text: str) -> None:
    _told(amounts.volume_problem(text))
    try:
        if quantity.parse(text) != amounts.amount(text):
            raise FaultError("two readings of a quantity")
    except quantity.QuantityError as error:
        _told(str(error))


def _moment(text: str) -> None:
    found = moments.parse(text)
    if found is not None and moments.parse(moments.written(found)) != found.replace(microsecond=0):
        raise FaultError("a moment is not read as it was written")


def _version(text: str) -> None:
    try:
        versions.parse(text)
    except versions.VersionError as error:
        _told(str(error))


def _policy(text: str) -> None:
    try:
        policies.parse(text)
    except policies.PolicyError as error:
        _told(str(error))


def _hba(text: str) -> None:
    _told(hba.problem(text))
    _told(hba.warning(text))


def _identifier(text: str) -> None:
    _told(identifiers.problem(text, "role"))
    _told(identifiers.problem(text, "database"))
    _told(identifiers.warning(text))


def _parameter(text: str) -> None:
    name, _, value = text.partition("=")
    for major in _MAJORS:
        _told(parameters.problem(name, value, major))
        _told(parameters.warning(name, value, major))
        parameters.number(name, value, major)
        parameters.memory(name, value, major)
        if not parameters.same(name, value, value, major):
            raise FaultError("a value differs from itself")


def _value(text: str) -> None:
    """Try a value for every parameter there is."""
    for name in table.known(_MAJORS[0]) or {}:
        _told(parameters.problem(name, text, _MAJORS[0]))
    strings.unknown_libraries(text, _MAJORS[0])


def _names(text: str) -> None:
    for judge in (
        labels.key_problem,
        labels.value_problem,
        labels.object_name_problem,
        labels.namespace_problem,
        s3.bucket_problem,
        s3.endpoint_problem,
        s3.region_problem,
        s3.folder_problem,
        timezones.problem,
    ):
        _told(judge(text))


_PARSERS: Final = (
    _cron,
    _duration,
    _quantity,
    _moment,
    _version,
    _policy,
    _hba,
    _identifier,
    _parameter,
    _value,
    _names,
)
PARSERS: Final = tuple(parser.__name__.strip("_") for parser in _PARSERS)

TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "review": review,
    "linter": linter,
    "parsers": parsers,
}
