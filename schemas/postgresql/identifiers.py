"""Names of roles, databases and schemas.

PostgreSQL takes nearly anything between double quotes (SQL Syntax, Identifiers and Key Words). Of the
application's own database and role, allowed is what users can also write into a connection string,
pg_hba.conf, a password file and a shell without quoting (`problem`); of others, nearly anything
(`quoted_problem`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from schemas.verdict import shown

LONGEST: Final = 63
"""Bytes of a name: NAMEDATALEN - 1; the server silently cuts longer ones."""

_KEY_WORDS = (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check "
    "collate collation column concurrently constraint create cross current_catalog current_date "
    "current_role current_schema current_time current_timestamp current_user default deferrable desc "
    "distinct do else end except false fetch for foreign freeze from full grant group having ilike in "
    "initially inner intersect into is isnull join lateral leading left like limit localtime "
    "localtimestamp natural not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric system_user table "
    "tablesample then to trailing true union unique user using variadic verbose when where window "
    "with"
)
RESERVED: Final = frozenset(_KEY_WORDS.split())
"""Key words that are no names without quotes: categories R and T of pg_get_keywords() in 17 and 18."""

_OWNED: Final = {
    "role": {
        "postgres": "is the superuser, which keddah owns",
        "replicator": "is the role that standbys replicate with, which keddah owns",
        "keddah": "is the role that keddah itself connects as",
        "keddah_exporter": "is the role by which keddah reads metrics",
        "public": "means every role",
        "none": "means no role",
    },
    "schema": {"information_schema": "is PostgreSQL's own"},
    "database": {
        "postgres": "is the maintenance database that every server has",
        "template0": "is a template that every server has",
        "template1": "is a template that every server has",
        "replication": "means replication in pg_hba.conf",
        "sameuser": "means the user's own database in pg_hba.conf",
        "samerole": "means the user's roles in pg_hba.conf",
        "samegroup": "means the user's roles in pg_hba.conf",
    },
}
Kind = Literal["role", "database", "schema"]

_INNER: Final = frozenset("_-$")
_ALLOWED = "use letters, digits, _ and -, with a letter or _ first"


@lru_cache(maxsize=1024)
def problem(text: str, kind: Kind = "role") -> str | None:
    """Say what is wrong with a name, None if nothing is."""
    if not text:
        return f"must not be empty; {_ALLOWED}"
    for character in text:
        if not (character.isalpha() or character in _INNER or character in "0123456789"):
            return f"must not contain {shown(character)}; {_ALLOWED}"
    if not (text[0].isalpha() or text[0] == "_"):
        return f"must not start with {shown(text[0])}; {_ALLOWED}"
    if text.lower() in RESERVED:
        return "is a reserved word of SQL; choose another name"
    return _too_long(text) or _taken(text.lower(), kind)


@lru_cache(maxsize=1024)
def quoted_problem(text: str, kind: Kind) -> str | None:
    """Say what is wrong with a name that is always written in double quotes, None if nothing is."""
    if not text.strip():
        return "must not be blank"
    for character in text:
        if not character.isprintable():
            return f"must not contain {shown(character)}; use characters that can be seen"
    return _too_long(text) or _taken(text, kind)


@lru_cache(maxsize=1024)
def warning(text: str) -> str | None:
    """Say what a user of a right name should know, None if nothing."""
    if text != text.lower() or not _INNER.isdisjoint(text.replace("_", "")):
        return f'SQL must write it in double quotes: "{text}"'
    return None


def _too_long(text: str) -> str | None:
    length = len(text.encode())
    return f"is {length} bytes long; PostgreSQL keeps only {LONGEST}" if length > LONGEST else None


def _taken(name: str, kind: Kind) -> str | None:
    if name.startswith("pg_") and kind != "database":
        return f"starts with pg_, which PostgreSQL keeps for its own {kind}s; choose another name"
    reason = _OWNED[kind].get(name)
    return f"{reason}; choose another name" if reason else None
