"""pgBackRest's errors in keddah's words: a code and a text become a reason and a sentence.

An error has a code for each kind (pgBackRest, build/error.yaml), but what went wrong at a repository is in
the text: of all repositories only one is configured, and the error that it gave is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from controller.protocol.settings import Reason

_BY_TEXT: Final[tuple[tuple[Reason, str], ...]] = (
    (Reason.BUSY, r"unable to acquire lock|LockAcquireError"),
    # S3's own codes (Amazon S3 API Reference, Error Responses).
    (Reason.CLOCK_SKEW, r"<Code>(RequestTimeTooSkewed|RequestExpired)<"),
    (Reason.BUCKET_MISSING, r"<Code>NoSuchBucket<"),
    (
        Reason.REPOSITORY_FULL,
        r"<Code>(QuotaExceeded|XMinioStorageFull|InsufficientStorage)|failed with 507|\[507\]",
    ),
    (
        Reason.CREDENTIALS_REFUSED,
        r"<Code>(InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|ExpiredToken)",
    ),
    (Reason.CREDENTIALS_REFUSED, r"<Code>XAdminUserNotFound<"),  # versitygw's
    (Reason.CREDENTIALS_REFUSED, r"failed with 40[13]\b|unable to retrieve temporary credentials"),
    (Reason.REPOSITORY_UNREACHABLE, r"failed with 5\d\d|<Code>SlowDown<|\[5\d\d\]"),
    (Reason.CERTIFICATE_NOT_TRUSTED, r"unable to verify certificate|unable to find hostname|access denied"),
    (Reason.CERTIFICATE_NOT_TRUSTED, r"certificate verify failed|tlsv1 alert|sslv3 alert"),
    # An index of the archive is the first thing that is read with the key.
    (Reason.WRONG_ENCRYPTION_KEY, r"unable to load info file(.|\n)*(CryptoError|outside of section)"),
    (Reason.REPOSITORY_DAMAGED, r"bad decrypt|unable to flush|zst error|cipher header invalid"),
    (Reason.REPOSITORY_FULL, r"\[28\] No space left|\[122\] Disk quota"),
    # A write that was cut short says no more, and nothing but a full volume does that to a file.
    (Reason.REPOSITORY_FULL, r"unable to write '[^']*'(?!: \[)"),
    (Reason.ANOTHER_DATABASE, r"(system-id|version) .*do(es)? not match|do not match the database"),
    (Reason.NO_BACKUP, r"no backup set found|no backup sets to restore"),
    (Reason.DATABASE_UNREACHABLE, r"unable to find primary|unable to connect to 'dbname"),
    (Reason.DATABASE_UNREACHABLE, r"server closed the connection"),
    (Reason.PAGE_CHECKSUM, r"invalid page checksum|page checksum error"),
    (Reason.REPOSITORY_DAMAGED, r"actual checksum|invalid checksum|checksum.*does not match|checksum error"),
    (Reason.WAL_MISSING, r"WAL segment .* was not archived before"),
    (Reason.REPOSITORY_UNREACHABLE, r"unable to (connect|get address)|HostConnectError|timeout after"),
    (Reason.REPOSITORY_UNREACHABLE, r"Connection (refused|reset)|unexpected (TLS )?eof"),
    # All that is said when the other side ends in the middle of a file.
    (Reason.REPOSITORY_UNREACHABLE, r"client state is '\w+' but expected"),
)

_BY_CODE: Final = {
    26: Reason.REPOSITORY_DAMAGED,
    38: Reason.NOT_EMPTY,
    40: Reason.NOT_EMPTY,
    44: Reason.ANOTHER_DATABASE,
    45: Reason.ANOTHER_DATABASE,
    49: Reason.REPOSITORY_UNREACHABLE,
    50: Reason.BUSY,
    51: Reason.ANOTHER_DATABASE,
    56: Reason.DATABASE_UNREACHABLE,
    57: Reason.DATABASE_UNREACHABLE,
    62: Reason.INTERRUPTED,
    63: Reason.INTERRUPTED,
    75: Reason.NO_BACKUP,
    82: Reason.WAL_MISSING,
    95: Reason.WRONG_ENCRYPTION_KEY,
    101: Reason.REPOSITORY_UNREACHABLE,
    106: Reason.CLOCK_SKEW,
}

_ERROR: Final = re.compile(r"ERROR: \[(\d{3})\]: ?(.*)")
_LINE: Final = re.compile(r"^(?:P\d\d|\s*)\s*(?:DEBUG|DETAIL|INFO|WARN|ERROR):")
_S3: Final = re.compile(
    r"\*\*\* Path/Query \*\*\*.*?<Code>(.*?)</Code>\s*<Message>(.*?)</Message>.*", re.DOTALL
)
_REMOVED: Final = re.compile(r"\*\*\* (Request|Response) Headers \*\*\*:.*?(?=\*\*\*|$)", re.DOTALL)


def reason_of(code: int, text: str) -> Reason:
    """Return why a command failed."""
    for reason, pattern in _BY_TEXT:
        if re.search(pattern, text, re.IGNORECASE):
            return reason
    return _BY_CODE.get(code, Reason.OTHER)


def error(lines: Iterable[str]) -> tuple[int, str] | None:
    """Return code and text of the last error in the log, with the lines that go on with it; None if none."""
    found: tuple[int, list[str]] | None = None
    continued = False
    for line in lines:
        if match := _ERROR.search(line):
            found, continued = (int(match[1]), [match[2]]), True
        elif _LINE.match(line) or not line[:1].isspace():
            continued = False
        elif continued and found:
            found[1].append(line.strip())
    return (found[0], "\n".join(found[1])) if found else None


def sentence(text: str, most: int = 600) -> str:
    """Return an error's text on one line; of a request to S3 what was answered, and no headers."""
    told = _REMOVED.sub("", _S3.sub(r"\1: \2", text))
    words = " ".join(told.split()).removeprefix("raised from ")
    return words if len(words) <= most else f"{words[: most - 1]}…"
