"""Splitting a line of pg_hba.conf into fields, as next_token in PostgreSQL's src/backend/libpq/hba.c does."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_TOKEN = 10239
"""Bytes; PostgreSQL refuses longer ones."""

# An escape, a bracket expression with its classes, or one letter.
_PIECE = re.compile(r"\\.|\[\^?+\]?+(?:\[[:.=].*?[:.=]\]|[^\]])*\]|[^\\\[]")
_ENDS = frozenset(" \t,#")
_BARE = re.compile(r'[^ \t,#"]*')


class LineError(ValueError):
    """The line cannot be split; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word. One that starts with a quote is a plain name, whatever it spells."""

    text: str
    quoted: bool

    def spells(self, keyword: str) -> bool:
        """Whether this is the keyword with its special meaning."""
        return not self.quoted and self.text == keyword


Field = tuple[Token, ...]


def fields(line: str) -> tuple[Field, ...]:
    """Give the fields, each a list of words that commas separate; raises LineError."""
    found: list[Field] = []
    rest = line
    while rest:
        words: list[Token] = []
        comma = True
        while comma:
            token, rest, comma = _token(rest.lstrip(" \t,"))
            if token is not None:
                words.append(token)
        if words:
            found.append(tuple(words))
    return tuple(found)


def _token(text: str) -> tuple[Token | None, str, bool]:
    """Take one word off the front: the word if any, what is left, and whether a comma follows it."""
    # Most words have no quotes, and are as long as no blank, comma or comment ends them.
    place = _BARE.match(text).end()  # type: ignore[union-attr]  # it matches no letter too
    word, quotes = text[:place], False
    if text[place : place + 1] == '"':
        word, place = _quoted(text)
        quotes = True
    if text[place : place + 1] == "#":
        raise LineError("comments are not allowed here; write them in the manifest's YAML")
    if len(word.encode(errors="replace")) > LONGEST_TOKEN:
        raise LineError(f"a word is longer than {LONGEST_TOKEN} bytes")
    token = Token(word, text.startswith('"')) if word or quotes else None
    return token, text[place:], text[place : place + 1] == ","


def _quoted(text: str) -> tuple[str, int]:
    """Return a word that has quotes in it without them, and where it ends."""
    letters: list[str] = []
    inside = after_closing = False
    place = 0
    for place, letter in enumerate(text):  # noqa: B007  the place where the word ends is needed
        if not inside and letter in _ENDS:
            break
        # A quote right behind a closing one stands for itself, and opens again.
        if letter != '"' or after_closing:
            letters.append(letter)
        after_closing = inside and letter == '"'
        if letter == '"':
            inside = not inside
    else:
        place = len(text)
    if inside:
        raise LineError('a double quote is not closed; write " once more')
    return "".join(letters), place


def regex_problem(pattern: str) -> str | None:
    """Say what PostgreSQL's regular expressions would stumble over, as far as brackets and quantifiers go."""
    if not pattern or pattern[0] in "*+?":
        return "starts with a quantifier"
    depth = place = 0
    while place < len(pattern) and depth >= 0:
        piece = _PIECE.match(pattern, place)
        if piece is None:
            break
        place = piece.end()
        depth += (piece[0] == "(") - (piece[0] == ")")
    if place < len(pattern) or depth:
        return "has a bracket or a backslash without its other half"
    return None
