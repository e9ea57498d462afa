"""Generators of nearly right input: most is right, and every rule that can be broken is broken somewhere."""

from __future__ import annotations

from hypothesis import strategies as st

_KINDS = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, ("jan", "Feb", "DEC")),
    (0, 6, ("sun", "Fri", "SAT", "FRİ")),
)
_ODD_NUMBERS = (
    "00",
    "007",
    "+5",
    "",
    "x",
    "-3",
    "1_0",
    "٣",
    "5L",
    "9223372036854775807",
    "9223372036854775808",
)
_STEPS = ("1", "2", "5", "15", "100", "+3", "9223372036854775807")
_BAD_STEPS = ("0", "-1", "-0", "", "x", "1/2", "9223372036854775808")
_SPACES = (" ", " ", " ", "  ", "\t", "\n", "\x0b", "\x85", "\xa0", "\u2003", "\u3000")
_NO_SPACES = ("\x1c", "\x1f", "\u200b", "\ufeff", "_")
_AMOUNTS = ("0", "1", "30", ".5", "1.5", "1.", "2562047", "9223372036854775807", "9223372036854775808", "00")
_UNITS = ("h", "m", "s", "ms", "us", "µs", "μs", "ns")


def _seldom(usual: st.SearchStrategy[str], odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Take the odd one about once in twenty, so that a whole expression is right about half the time."""
    return st.integers(0, 19).flatmap(lambda draw: usual if draw else odd)


def _number(kind: tuple[int, int, tuple[str, ...]]) -> st.SearchStrategy[str]:
    least, most, names = kind
    right = st.integers(least, most).map(str)
    odd = st.sampled_from((*_ODD_NUMBERS, str(least - 1), str(most + 1)))
    return _seldom(st.one_of(right, st.sampled_from(names)) if names else right, odd)


def _range(kind: tuple[int, int, tuple[str, ...]]) -> st.SearchStrategy[str]:
    least, most, _ = kind
    rising = st.lists(st.integers(least, most), min_size=2, max_size=2).map(sorted)
    return _seldom(
        rising.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.tuples(_number(kind), _number(kind)).map("-".join),
    )


@st.composite
def _field(draw: st.DrawFn, kind: tuple[int, int, tuple[str, ...]]) -> str:
    items = []
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        stars = _seldom(st.sampled_from("*?"), st.sampled_from(("*-5", "?-", "*-x", "**", "*-1-2")))
        item = draw(st.one_of(stars, _number(kind), _range(kind)))
        if draw(st.integers(0, 3)) == 0:
            item = f"{item}/{draw(_seldom(st.sampled_from(_STEPS), st.sampled_from(_BAD_STEPS)))}"
        items.append(item)
    if draw(st.integers(0, 19)) == 0:
        items.insert(draw(st.integers(0, len(items))), "")
    return ",".join(items)


@st.composite
def _five_fields(draw: st.DrawFn) -> str:
    space = _seldom(st.sampled_from(_SPACES), st.sampled_from(_NO_SPACES))
    words = [draw(_field(kind)) for kind in _KINDS]
    if draw(st.integers(0, 19)) == 0:
        words = draw(st.sampled_from((words[1:], ["0", *words], words[:1])))
    text = words[0] + "".join(draw(space) + word for word in words[1:])
    around = _seldom(st.just(""), st.sampled_from(_SPACES))
    return draw(around) + text + draw(around)


def _every() -> st.SearchStrategy[str]:
    term = st.tuples(
        st.sampled_from(_AMOUNTS), _seldom(st.sampled_from(_UNITS), st.sampled_from(("d", "", "H", " h")))
    )
    terms = st.lists(term.map("".join), min_size=1, max_size=3).map("".join)
    sign = _seldom(st.sampled_from(("", "-", "+")), st.just("--"))
    word = _seldom(st.just("@every "), st.sampled_from(("@every", "@every  ", "@Every ")))
    return st.tuples(word, sign, _seldom(terms, st.sampled_from(("", "0", ".")))).map("".join)


def expressions() -> st.SearchStrategy[str]:
    """Cron expressions, about half of them right by the rules of CronJob; none is empty."""
    known = st.sampled_from(("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"))
    unknown = st.sampled_from(("@reboot", "@DAILY", "@daily ", " @daily", "@", "TZ=UTC", "* * * * * TZ=UTC"))
    zone = st.sampled_from(("TZ=UTC ", "CRON_TZ=Europe/Berlin ", "TZ= ", "tz=UTC "))
    fields = _five_fields()
    zoned = st.tuples(zone, fields).map("".join)
    return st.one_of(fields, fields, fields, _every(), _seldom(known, unknown), _seldom(fields, zoned))


def values() -> st.SearchStrategy[str]:
    """Values that parameters may be given, of every type and unit, right and wrong."""
    number = st.one_of(
        st.integers(-2, 2**33).map(str),
        st.floats(-2, 1e7, allow_nan=False).map(str),
        st.sampled_from(("0x10", "010", "09", "1e3", ".5", "1.", "inf", "nan", "", "1_0", "1,5")),
    )
    unit = st.sampled_from(
        ("", "B", "kB", "MB", " GB", "TB", "us", "ms", "s", "min", "h", "d", "GBB", "kb", "m")
    )
    word = st.sampled_from(("on", "off", "ON", "true", "no", "of", "replica", "UTC", "a, b", "C"))
    return st.one_of(st.tuples(number, unit).map("".join), word, st.text(max_size=20))
