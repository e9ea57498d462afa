"""spec.databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.api.access import Database, extension
from schemas.kubernetes import amounts
from schemas.postgresql import identifiers
from schemas.rules.access import names
from schemas.verdict import Violation, got, listed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.types import Spec
    from schemas.rules.review import Review

_PATH: Final = "spec.databases"
_FIXED: Final = (
    ("encoding", "encoding"),
    ("locale_provider", "localeProvider"),
    ("locale", "locale"),
)
_BUILTIN: Final = ("C", "C.UTF-8", "PG_UNICODE_FAST")
_NUMBERED: Final = {"ISO_8859_": (5, 6, 7, 8), "LATIN": range(1, 11), "WIN": (866, 874, *range(1250, 1259))}
_ENCODINGS: Final = frozenset(
    (
        *("UTF8", "SQL_ASCII", "KOI8R", "KOI8U", "MULE_INTERNAL"),
        *("EUC_CN", "EUC_JP", "EUC_JIS_2004", "EUC_KR", "EUC_TW"),
        *(f"{family}{number}" for family, numbers in _NUMBERED.items() for number in numbers),
    )
)
"""PostgreSQL 17, Character Set Support: those of servers."""

_EMPTY: Final = 8 * 10**6
"""Bytes of a database without tables: 7.4 MB with PostgreSQL 17 and 18 (pg_database_size)."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse names that cannot be, owners that nobody declares, and what cannot change."""
    spec = review.spec
    known = {each.name: each for each in review.before.databases} if review.before is not None else {}
    seen: set[str] = set()
    for index, database in enumerate(spec.databases):
        path = f"{_PATH}[{index}]"
        if database.name in seen:
            yield got(f"{path}.name", database.name, "is there twice; leave one out")
        seen.add(database.name)
        before = known.get(database.name)
        if before is None:
            yield from _new(path, database, spec)
        elif before != database:
            yield from _unchangeable(path, database, before)
        yield from _owners(path, database, spec)
        yield from _contents(path, database)


def forgotten(review: Review) -> Iterator[Violation]:
    """Refuse to take an entry out before the controller knows that its database is to stay."""
    if review.old is None or review.before is None:
        return
    left = names.databases(review.spec)
    noted = {each.name for each in review.old.status.databases if each.reclaim == "Delete"}
    for database in review.before.databases:
        if database.name in noted - left and database.reclaim != "Delete":
            how = "it would still be dropped; wait until its reclaim: Delete is gone from status.databases"
            yield Violation(_PATH, f"{database.name} is left out: {how}")


def removals(spec: Spec, before: Spec) -> Iterator[str]:
    """Say what becomes of databases whose entries are taken out."""
    left = names.databases(spec)
    for database in before.databases:
        if database.name in left:
            continue
        deleted = database.reclaim == "Delete"
        how = "dropped with all its data" if deleted else "stays as it is; keddah leaves it alone"
        yield warning(f"databases.{database.name}: {how}")


def room(spec: Spec) -> Iterator[str]:
    """Warn of a volume that empty databases fill to more than a half: WAL and data want room too."""
    count, size = len(spec.databases), spec.storage.size
    volume = amounts.amount(size or None)
    if volume is not None and count * _EMPTY > volume / 2:
        taken = f"{count} take some {count * _EMPTY // 10**6}MB before anything is in them"
        yield warning(f"{_PATH}: {taken}, of storage.size {size}, which WAL shares")


def _new(path: str, database: Database, spec: Spec) -> Iterator[Violation]:
    if database.name != spec.database and (problem := identifiers.quoted_problem(database.name, "database")):
        yield got(f"{path}.name", database.name, problem)
    if database.encoding.upper() not in _ENCODINGS:
        yield got(f"{path}.encoding", database.encoding, "is no encoding of servers, such as UTF8 or LATIN1")
    elif database.locale_provider != "libc" and database.encoding.upper() != "UTF8":
        yield got(
            f"{path}.encoding", database.encoding, "needs localeProvider libc; the others sort UTF8 only"
        )
    locale = database.locale or "C.UTF-8"
    if database.locale_provider == "builtin" and locale not in _BUILTIN:
        yield got(
            f"{path}.locale", locale, f"must be {listed(list(_BUILTIN), joint='or')} of provider builtin"
        )
    if database.locale_provider == "icu" and not database.locale:
        yield got(f"{path}.locale", "nothing", "provider icu needs a locale, such as en-US or und")


def _unchangeable(path: str, database: Database, before: Database) -> Iterator[Violation]:
    for attribute, field in _FIXED:
        given, stored = getattr(database, attribute) or "nothing", getattr(before, attribute) or "nothing"
        if given != stored:
            how = f"cannot change, it is {stored}; create another database and copy the data"
            yield got(f"{path}.{field}", given, how)


def _owners(path: str, database: Database, spec: Spec) -> Iterator[Violation]:
    known = names.roles(spec)
    if database.name == spec.database:
        if database.owner and database.owner != spec.owner:
            yield got(f"{path}.owner", database.owner, f"must be {spec.owner}, which spec.owner says")
        if database.reclaim == "Delete":
            how = "must be Retain: what spec.database names goes with the whole object only"
            yield got(f"{path}.reclaim", database.reclaim, how)
    elif database.owner and database.owner not in known:
        yield got(f"{path}.owner", database.owner, names.unknown(database.owner, known, "roles that are"))
    for index, schema in enumerate(database.schemas):
        if schema.owner and schema.owner not in known:
            how = names.unknown(schema.owner, known, "roles that are")
            yield got(f"{path}.schemas[{index}].owner", schema.owner, how)


def _contents(path: str, database: Database) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, schema in enumerate(database.schemas):
        problem = identifiers.quoted_problem(schema.name, "schema")
        if schema.name in seen:
            problem = "is there twice; leave one out"
        if problem:
            yield got(f"{path}.schemas[{index}].name", schema.name, problem)
        seen.add(schema.name)
    found: set[str] = set()
    for index, each in enumerate(map(extension, database.extensions)):
        if each.name in found:
            yield got(f"{path}.extensions[{index}]", each.name, "is there twice; leave one out")
        found.add(each.name)
        if each.schema and (problem := identifiers.quoted_problem(each.schema, "schema")):
            yield got(f"{path}.extensions[{index}].schema", each.schema, problem)
