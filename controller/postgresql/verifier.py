"""SCRAM verifiers (RFC 5803), made here, so that no clear password ever reaches a server; pure.

PostgreSQL takes one in the place of a password and stores it as it is (17, ALTER ROLE).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import stringprep
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16
_FORM: Final = re.compile(
    r"SCRAM-SHA-256\$([1-9]\d{0,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)", re.ASCII
)
_MOST_ITERATIONS: Final = 100_000
"""A verifier with more, which somebody set by hand, is not recomputed: it would take a second and longer."""


@dataclass(frozen=True, slots=True, repr=False)
class Verifier:
    """What a server stores to verify a password; it is as secret as that."""

    text: str

    def __repr__(self) -> str:
        return "Verifier(…)"

    def fits(self, password: str) -> bool:
        """Whether this is a verifier of that password."""
        found = _FORM.fullmatch(self.text)
        if found is None or int(found[1]) > _MOST_ITERATIONS:
            return False
        try:
            salt = base64.b64decode(found[2], validate=True)
        except binascii.Error:
            return False
        return hmac.compare_digest(_text(password, salt, int(found[1])), self.text)


def verifier(password: str, salted: bytes) -> Verifier:
    """Make a verifier; the salt follows from `salted`, so that the same password has the same one.

    `salted` must be secret, and different for each role.
    """
    salt = hmac.new(salted, password.encode(), hashlib.sha256).digest()[:_SALT_BYTES]
    return Verifier(_text(password, salt, ITERATIONS))


@lru_cache(maxsize=1024)
def _text(password: str, salt: bytes, iterations: int) -> str:
    key = hashlib.pbkdf2_hmac("sha256", _prepared(password).encode(), salt, iterations)
    client = hmac.new(key, b"Client Key", hashlib.sha256).digest()
    stored = hashlib.sha256(client).digest()
    server = hmac.new(key, b"Server Key", hashlib.sha256).digest()
    encoded = [base64.b64encode(each).decode() for each in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _prepared(password: str) -> str:
    """Prepare a password as clients do (SASLprep, RFC 4013); one that cannot be is taken as it is.

    PostgreSQL does the same (src/common/saslprep.c, scram-common.c).
    """
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    return password if not prepared or _prohibited(prepared) else prepared


def _prohibited(text: str) -> bool:
    tables = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
        stringprep.in_table_a1,
    )
    if any(table(character) for table in tables for character in text):
        return True
    if not any(map(stringprep.in_table_d1, text)):
        return False
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends or any(map(stringprep.in_table_d2, text))
