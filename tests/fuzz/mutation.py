"""Changes of JSON that leave it JSON: a random byte seldom does, and the rules are behind the parser."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, Any

from tests.fuzz import seeds

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHANGES = 4


def mutated(content: bytes, chance: random.Random, other: Callable[[bytes], bytes]) -> bytes:
    """Change some values of a JSON document; `other` changes texts, and all that is no JSON."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return other(content)
    if not isinstance(document, dict | list) or not document:
        return other(content)
    for _ in range(chance.randint(1, MOST_CHANGES)):
        _change(document, chance, other)
    try:
        return json.dumps(document, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        return content


def _change(document: Any, chance: random.Random, other: Callable[[bytes], bytes]) -> None:  # noqa: ANN401
    holders = _holders(document)
    if not holders:
        return
    holder = chance.choice(holders)
    key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder[key] = copy.deepcopy(chance.choice(seeds.SCALARS))
        case 2:
            _add(holder, key, chance)
        case 3 if isinstance(holder, dict):
            holder[_text(str(key), other)] = holder.pop(key)
        case 4:
            # A value of the same name from another document, or of another name.
            holder[key] = _known(key if chance.random() < 0.8 else None, chance)
        case _:
            holder[key] = _varied(holder[key], chance, other)


def _add(holder: Any, key: Any, chance: random.Random) -> None:  # noqa: ANN401
    if isinstance(holder, dict):
        name = chance.choice(list(seeds.words()))
        holder[name] = _known(name, chance)
    else:
        holder.append(copy.deepcopy(holder[key]))


def _known(name: object, chance: random.Random) -> Any:  # noqa: ANN401
    words = seeds.words()
    return copy.deepcopy(chance.choice(words[name if name in words else chance.choice(list(words))]))


def _varied(value: Any, chance: random.Random, other: Callable[[bytes], bytes]) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return _text(value, other)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return chance.choice((value + 1, -value, value * 1000, str(value)))
    return [copy.deepcopy(value)] * chance.choice((1, 2, 70))


def _text(text: str, other: Callable[[bytes], bytes]) -> str:
    return other(text.encode(errors="surrogatepass")).decode(errors="replace")


def _holders(document: Any) -> list[Any]:  # noqa: ANN401
    """Give all lists and mappings that hold something."""
    found, ahead = [], [document]
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict | list) and value:
            found.append(value)
            ahead.extend(value.values() if isinstance(value, dict) else value)
    return found
