"""Reads when a certificate expires, without a library: OpenSSL's would be as large as all the rest."""

from __future__ import annotations

import binascii
from datetime import UTC, datetime
from pathlib import Path

_LONG = 0x80
_VERSION, _UTC_TIME = 0xA0, 0x17


def expiry(file: Path) -> float | None:
    """Return when the first certificate of a PEM file expires (Unix); None if there is none to be read."""
    try:
        text = file.read_text().partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
        return _not_after(binascii.a2b_base64(text))
    except (OSError, ValueError, IndexError):
        return None


def _not_after(der: bytes) -> float:
    """Walk to notAfter (RFC 5280, 4.1): version, serial number, algorithm, issuer, validity."""
    _, certificate = _elements(der)[0]
    fields = _elements(_elements(certificate)[0][1])
    if fields[0][0] == _VERSION:
        fields = fields[1:]
    kind, text = _elements(fields[3][1])[1]
    digits = text.decode("ascii").rstrip("Z")
    if kind == _UTC_TIME:
        # Two digits of the year: those from 50 are of the century before (4.1.2.5.1).
        digits = f"{'19' if digits >= '5' else '20'}{digits}"
    year, rest = int(digits[:4]), [int(digits[place : place + 2]) for place in range(4, 14, 2)]
    month, day, hour, minute, second = rest
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return the elements that stand one after another, each with its tag."""
    found, place = [], 0
    while place < len(der):
        tag, length, place = der[place], der[place + 1], place + 2
        if length & _LONG:
            count = length & ~_LONG
            length, place = int.from_bytes(der[place : place + count], "big"), place + count
        found.append((tag, der[place : place + length]))
        place += length
    return found
