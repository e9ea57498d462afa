"""Values of the string parameters that PostgreSQL checks when it reads its configuration.

A wrong one keeps a server from starting (check hooks in src/backend/utils/misc/guc_tables.c and
src/backend/commands/variable.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas import timezones
from schemas.verdict import listed, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIBRARIES: Final = frozenset(
    {
        *(
            "auth_delay",
            "auto_explain",
            "passwordcheck",
            "pg_overexplain",
            "pg_prewarm",
            "pg_stat_statements",
        ),
        *(
            "basebackup_to_shell",
            "basic_archive",
            "pg_trgm",
            "pgcrypto",
            "plpgsql",
            "postgres_fdw",
            "sslinfo",
        ),
        *("hstore", "ltree", "sepgsql", "dblink", "btree_gin", "btree_gist", "test_decoding", "pgoutput"),
    }
)
"""Libraries of PostgreSQL's own additional modules that keddah's image holds and that can be preloaded."""

_ENCODING_NAMES = (
    "sqlascii eucjp euccn euckr euctw eucjis2004 utf8 unicode muleinternal latin1 latin2 latin3 latin4 "
    "latin5 latin6 latin7 latin8 latin9 latin10 win1256 win1258 win866 win874 koi8r koi8 win1251 win "
    "win1252 iso88591 iso88592 iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 iso885910 "
    "iso885913 iso885914 iso885915 iso885916 win1250 win1253 win1254 win1255 win1257 koi8u sjis mskanji "
    "shiftjis windows932 big5 windows950 gbk windows936 uhc windows949 gb18030 johab shiftjis2004"
)
_ENCODINGS: Final = frozenset(_ENCODING_NAMES.split())
_LOCALES: Final = frozenset({"", "C", "POSIX", "C.UTF-8", "C.utf8"})
_STYLES: Final = frozenset({"iso", "sql", "postgres", "german"})
_ORDERS: Final = {
    "ymd": "ymd",
    **dict.fromkeys(("dmy", "euro", "european"), "dmy"),
    **dict.fromkeys(("mdy", "us", "noneuro", "noneuropean"), "mdy"),
}


def _words(value: str) -> list[str]:
    return [word.strip().strip('"').lower() for word in value.split(",") if word.strip()]


def _one_of(*known: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        wrong = [word for word in _words(value) if word not in known]
        return f"{shown(wrong[0])} is not known; write {listed(known, 20, 'or')}" if wrong else None

    return check


def _time_zone(value: str) -> str | None:
    return timezones.problem(value)


def _date_style(value: str) -> str | None:
    words = [word for word in _words(value) if word != "default"]
    styles = [word for word in words if word in _STYLES]
    orders = {_ORDERS[word] for word in words if word in _ORDERS}
    if len(styles) + len([word for word in words if word in _ORDERS]) < len(words):
        return "write a style (ISO, SQL, Postgres or German) and an order (DMY, MDY or YMD), such as ISO, DMY"
    return "names more than one style or order" if len(set(styles)) > 1 or len(orders) > 1 else None


def _encoding(value: str) -> str | None:
    name = "".join(letter for letter in value.lower() if letter.isalnum())
    return None if name in _ENCODINGS else "is no encoding; write one such as UTF8 or LATIN1"


def _locale(value: str) -> str | None:
    return None if value in _LOCALES else "is not in the image, which holds C and C.UTF-8"


def _preloaded(value: str) -> str | None:
    if any(word.startswith("/") or ".." in word for word in _words(value)):
        return "write names of libraries without a path"
    return None


def _not_empty(value: str) -> str | None:
    return None if value else "must not be empty"


CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "timezone": _time_zone,
    "log_timezone": _time_zone,
    "timezone_abbreviations": _one_of("default", "australia", "india"),
    "datestyle": _date_style,
    "client_encoding": _encoding,
    **dict.fromkeys(("lc_messages", "lc_monetary", "lc_numeric", "lc_time"), _locale),
    "createrole_self_grant": _one_of("set", "inherit"),
    "restrict_nonsystem_relation_kind": _one_of("view", "foreign-table"),
    "debug_io_direct": _one_of("data", "wal", "wal_init"),
    "default_table_access_method": _not_empty,
    "default_text_search_config": _not_empty,
    "shared_preload_libraries": _preloaded,
}
"""Lower-case name to its check."""


def unknown_libraries(value: str) -> list[str]:
    """Name the libraries that keddah's image does not hold."""
    return [word for word in _words(value) if word.removeprefix("$libdir/") not in LIBRARIES]
