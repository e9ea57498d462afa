"""Values of the string parameters that PostgreSQL checks when it reads its configuration.

A wrong one keeps a server from starting (check hooks in src/backend/utils/misc/guc_tables.c and
src/backend/commands/variable.c).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.kubernetes import timezones
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
        *("hypopg", "pg_cron", "pg_partman_bgw", "pg_repack", "pgaudit", "vector"),
    }
)
"""Libraries that keddah's image holds and that can be preloaded: of PostgreSQL's own modules and others."""
_SINCE: Final = {"pg_overexplain": 18}
"""The first major that has one of them, where that is not the first that keddah knows."""

_ENCODING_NAMES = (
    "sqlascii eucjp euccn euckr euctw eucjis2004 utf8 unicode muleinternal latin1 latin2 latin3 latin4 "
    "latin5 latin6 latin7 latin8 latin9 latin10 win1256 win1258 win866 win874 koi8r koi8 win1251 win "
    "win1252 iso88591 iso88592 iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 iso885910 "
    "iso885913 iso885914 iso885915 iso885916 win1250 win1253 win1254 win1255 win1257 koi8u sjis mskanji "
    "shiftjis windows932 big5 windows950 gbk windows936 uhc windows949 gb18030 johab shiftjis2004"
)
_ENCODINGS: Final = frozenset(_ENCODING_NAMES.split())
_NAME_LIST = re.compile(r'\s*(?:"(?:[^"]|"")+"|[^\s",]+)\s*(?:,\s*(?:"(?:[^"]|"")+"|[^\s",]+)\s*)*')
_SLOT = re.compile(r"[a-z0-9_]{1,63}", re.ASCII)
_LOCALES: Final = frozenset({"", "C", "POSIX", "C.UTF-8", "C.utf8"})
_STYLES: Final = frozenset({"iso", "sql", "postgres", "german"})
_ORDERS: Final = {
    "ymd": "ymd",
    **dict.fromkeys(("dmy", "euro", "european"), "dmy"),
    **dict.fromkeys(("mdy", "us", "noneuro", "noneuropean"), "mdy"),
}


def _words(value: str) -> list[str]:
    return [word.strip().strip('"').lower() for word in value.split(",") if word.strip()]


def _any_of(*known: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        wrong = [word for word in _words(value) if word not in known]
        return f"{shown(wrong[0])} is not known; write {listed(known, 20, 'or')}" if wrong else None

    return check


def _date_style(value: str) -> str | None:
    words = [word for word in _words(value) if word != "default"]
    styles = [word for word in words if word in _STYLES]
    orders = {_ORDERS[word] for word in words if word in _ORDERS}
    if len(styles) + len([word for word in words if word in _ORDERS]) < len(words):
        return "write a style (ISO, SQL, Postgres or German) and an order (DMY, MDY or YMD), such as ISO, DMY"
    return "names more than one style or order" if len(set(styles)) > 1 or len(orders) > 1 else None


def _encoding(value: str) -> str | None:
    name = "".join(letter for letter in value.lower() if letter.isalnum())
    return None if name in _ENCODINGS else "is not a known encoding; write one such as UTF8 or LATIN1"


def _locale(value: str) -> str | None:
    return None if value in _LOCALES else "is not in the image, which has C and C.UTF-8"


def _messages_locale(value: str) -> str | None:
    return _locale(value) if value else "must not be empty; write C or C.UTF-8"


def _abbreviations(value: str) -> str | None:
    return None if value in {"Default", "Australia", "India"} else "write Default, Australia or India"


def _names(value: str) -> str | None:
    """Check a list of SQL names, as SplitIdentifierString does."""
    return (
        None if not value.strip() or _NAME_LIST.fullmatch(value) else "write names with commas between them"
    )


def _functions(value: str) -> str | None:
    allowed = all(letter.isascii() and (letter.isalnum() or letter in "_, \t") for letter in value)
    return None if allowed else "write names of C functions with commas between them"


def _preloaded(value: str) -> str | None:
    if any(word.startswith("/") or ".." in word for word in _words(value)):
        return "write names of libraries without a path"
    return _names(value.replace("$libdir/", ""))


def _library_path(value: str) -> str | None:
    """Check the folders of libraries: without PostgreSQL's own there is no replication (find_in_path)."""
    folders = value.split(":")
    right = "$libdir" in folders and all(each == "$libdir" or each.startswith("/") for each in folders)
    return None if right else "write $libdir, and absolute paths before or after it, with colons between them"


def _slots(value: str) -> str | None:
    right = all(_SLOT.fullmatch(word) for word in _words(value))
    return None if right else "write names of slots, of small letters, digits and _, with commas between them"


def _not_empty(value: str) -> str | None:
    return None if value else "must not be empty"


CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "timezone": timezones.problem,
    "log_timezone": timezones.problem,
    "timezone_abbreviations": _abbreviations,
    "datestyle": _date_style,
    "client_encoding": _encoding,
    "lc_messages": _messages_locale,
    **dict.fromkeys(("lc_monetary", "lc_numeric", "lc_time"), _locale),
    "createrole_self_grant": _any_of("set", "inherit"),
    "restrict_nonsystem_relation_kind": _any_of("view", "foreign-table"),
    "debug_io_direct": _any_of("data", "wal", "wal_init"),
    "log_connections": _any_of(
        *("all", "receipt", "authentication", "authorization", "setup_durations"),
        *("on", "off", "true", "false", "yes", "no", "1", "0"),
    ),
    **dict.fromkeys(("default_table_access_method", "default_text_search_config"), _not_empty),
    **dict.fromkeys(("search_path", "temp_tablespaces"), _names),
    "wal_consistency_checking": _any_of(
        *("all", "heap2", "heap", "btree", "hash", "gin", "gist", "sequence", "spgist", "brin", "generic")
    ),
    "dynamic_library_path": _library_path,
    "synchronized_standby_slots": _slots,
    "backtrace_functions": _functions,
    **dict.fromkeys(
        ("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"), _preloaded
    ),
}
"""Lower-case name of a string parameter to its check."""


def unknown_libraries(value: str, major: int) -> list[str]:
    """Name the libraries that keddah's image does not hold."""
    held = {name for name in LIBRARIES if _SINCE.get(name, major) <= major}
    return [word for word in _words(value) if word.removeprefix("$libdir/") not in held]
