"""One line of pg_hba.conf: who may connect from where, and how they prove who they are.

PostgreSQL documentation, The pg_hba.conf File. A server refuses the whole file for one wrong line and
goes on with the old one, so a line is accepted here only if it loads. Refused as well is what lets
strangers in without a password, and what keddah's own lines have decided before.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from schemas.postgresql.hba import methods as hbamethods
from schemas.postgresql.hba.tokens import Field, LineError, fields, regex_problem
from schemas.verdict import listed, shown

TYPES: Final = ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")
OWNED_ROLES: Final = frozenset({"postgres", "replicator"})
"""Roles that keddah's own lines, which come first, have the last word on."""

_ORDER = "write TYPE DATABASE USER ADDRESS METHOD, such as hostssl all all 10.0.0.0/8 scram-sha-256"
_LOCAL_ORDER = "write local DATABASE USER METHOD, such as local all all scram-sha-256"
_UNENCRYPTED: Final = frozenset({"host", "hostnossl", "hostnogssenc"})
_KEYWORDS: Final = frozenset({"all", "samehost", "samenet"})
_BLANKS: Final = frozenset(" \t")
_WITHOUT_PROOF: Final = frozenset({"trust", "ident"})
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE | re.ASCII)
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
            *("127.0.0.0/8", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class _Line:
    """A line whose every part is right by itself."""

    connection: str
    users: Field
    open_to_world: bool
    method: str
    options: dict[str, str]


# Mutation, validation and warnings ask for the same lines within milliseconds.
def problem(line: str) -> str | None:
    """Say what is wrong with a line, None if nothing is."""
    return _examined(line)[0]


def warning(line: str) -> str | None:
    """Say what a user of a right line should know, None if nothing or if the line is wrong."""
    return _examined(line)[1]


@lru_cache(maxsize=512)  # mutation, validation and the controller check the same lines repeatedly
def _examined(line: str) -> tuple[str | None, str | None]:
    try:
        parsed = _parse(line)
    except LineError as error:
        return str(error), None
    return _mistake(parsed), _doubt(parsed)


def _doubt(line: _Line) -> str | None:
    secret = hbamethods.SECRETS.intersection(line.options)
    if secret:
        return f"{min(secret)} is readable for everybody who may read this object"
    if line.method == "md5":
        return "method md5 is deprecated since PostgreSQL 18; write scram-sha-256"
    if line.method in _WITHOUT_PROOF and line.connection != "local":
        return f"method {line.method} lets everybody at that address in without a password"
    if line.method == "password":
        return "method password sends the password itself to the server; write scram-sha-256"
    return None


def _mistake(line: _Line) -> str | None:
    for user in line.users:
        if user.text in OWNED_ROLES:
            return f"role {user.text} belongs to keddah, whose own lines come first; leave it out"
    if line.open_to_world and line.method in _WITHOUT_PROOF:
        return f"method {line.method} would let anybody connect without a password; write scram-sha-256"
    if line.open_to_world and line.method == "password" and line.connection in _UNENCRYPTED:
        return "method password would send passwords unencrypted over the network; write scram-sha-256"
    return None


def _parse(line: str) -> _Line:
    _check_characters(line)
    parts = fields(line)
    connection = _connection(parts)
    local = connection == "local"
    least = len(("type", "database", "user", "method")) + (not local)
    if len(parts) < least:
        raise LineError(f"has {len(parts)} fields, needs {least}; {_LOCAL_ORDER if local else _ORDER}")
    _check_names("database", parts[1])
    _check_names("user", parts[2])
    rest = parts[3:]
    open_to_world = False
    if not local:
        open_to_world, rest = _address(rest)
    method = _single("method", rest[0])
    _raise(hbamethods.method_problem(method, connection))
    return _Line(connection, parts[2], open_to_world, method, _options(method, connection, rest[1:]))


def _check_characters(line: str) -> None:
    if not line.strip():
        raise LineError("is empty; leave it out")
    for letter in line:
        if letter in "\n\r":
            raise LineError("contains a line break; write each line as an item of its own")
        if letter not in _BLANKS and (letter.isspace() or not letter.isprintable()):
            raise LineError(f"must not contain the character {shown(letter)}; separate fields by spaces")
    if line.endswith("\\"):
        raise LineError("must not end with a backslash, which would join it to the next line")


def _connection(parts: tuple[Field, ...]) -> str:
    word = _single("type", parts[0]) if parts else ""
    if word.startswith("include"):
        raise LineError("include directives are not allowed; write the lines themselves")
    if word not in TYPES:
        raise LineError(f"type {shown(word)} is not known; write {listed(TYPES, joint='or')}")
    return word


def _check_names(kind: str, names: Field) -> None:
    for name in names:
        if name.quoted:
            continue
        if name.text.startswith("@"):
            raise LineError(
                f"{kind} {shown(name.text)} would be read from a file; write the names themselves"
            )
        if name.text in {"+", "/"}:
            raise LineError(f"{kind} {shown(name.text)} lacks a name after {name.text}")
        if name.text.startswith("/"):
            _check_pattern(kind, name.text[1:])


def _check_pattern(kind: str, pattern: str) -> None:
    problem = regex_problem(pattern)
    if problem:
        raise LineError(f"{kind} pattern {shown(pattern)} {problem}")


def _address(rest: tuple[Field, ...]) -> tuple[bool, tuple[Field, ...]]:
    """Read the address and its mask: whether it is open to the world, and the fields behind it."""
    word = rest[0][0]
    text = _single("address", rest[0])
    if word.spells("all"):
        return True, rest[1:]
    if not word.quoted and text in _KEYWORDS:
        return False, rest[1:]
    if not word.quoted and text.lower() in _KEYWORDS:
        raise LineError(f"address {text} would be a host of that name; write {text.lower()}")
    if "/" in text:
        return not _is_private(_network(text)), rest[1:]
    if _is_address(text):
        mask = _single("mask", rest[1])
        if not _is_address(mask) or len(rest) < len(("address", "mask", "method")):
            width = 128 if ":" in text else 32
            raise LineError(f"address {text} lacks its mask; write {text}/{width} for this one address")
        return not _is_private(_masked(text, mask)), rest[2:]
    if not _is_host_name(text):
        raise LineError(
            f"address {shown(text)} is not known; write 10.0.0.0/8, a host name, all, samehost or samenet"
        )
    return False, rest[1:]


def _network(text: str) -> Network:
    address, _, width = text.partition("/")
    if not _is_address(address):
        raise LineError(f"address {shown(text)} is not a network; write one such as 10.0.0.0/8 or fd00::/8")
    most = 128 if ":" in address else 32
    if not (width.isascii() and width.isdecimal() and int(width) <= most):
        raise LineError(f"address {shown(text)} needs a number from 0 to {most} after the slash")
    return ipaddress.ip_network(f"{address}/{int(width)}", strict=False)


def _masked(address: str, mask: str) -> Network:
    if (":" in address) != (":" in mask):
        raise LineError(f"address {address} and mask {mask} are not of one family")
    bits = int(ipaddress.ip_address(mask))
    most = 128 if ":" in mask else 32
    width = bits.bit_count()
    if bits != ((1 << width) - 1) << (most - width):
        raise LineError(f"mask {mask} has gaps; write {address}/ and the number of leading bits")
    return ipaddress.ip_network(f"{address}/{width}", strict=False)


def _is_address(text: str) -> bool:
    try:
        return "%" not in text and bool(ipaddress.ip_address(text).version)
    except ValueError:
        return False


def _is_host_name(text: str) -> bool:
    # Only digits would be an address in one of the old ways to write them.
    labels = text.removeprefix(".").removesuffix(".").split(".")
    return all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()


def _is_private(network: Network) -> bool:
    return any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]
        for private in _PRIVATE
    )


def _options(method: str, connection: str, rest: tuple[Field, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for token in (token for field in rest for token in field):
        name, equals, value = token.text.partition("=")
        if not equals:
            raise LineError(f"option {shown(token.text)} lacks a value; write name=value")
        _raise(hbamethods.option_problem(method, connection, name, value))
        options[name] = value
    _raise(hbamethods.missing_option(method, options))
    return options


def _single(kind: str, field: Field) -> str:
    if len(field) > 1:
        raise LineError(f"{kind} contains a comma; write one line for each {kind}")
    return field[0].text


def _raise(found: str | None) -> None:
    if found:
        raise LineError(found)
