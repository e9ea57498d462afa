"""Talks to the server over its socket (PostgreSQL, Frontend/Backend Protocol, 3.0), without any password.

Each statement is prepared, so that it can be one only.

Not psycopg, which is in the image: to import it costs 25 MiB (3.3.9; 20 through ctypes),
and this process, of which every instance has one, has 25 MiB in all.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TypeAlias

Row: TypeAlias = tuple[str | None, ...]

_PROTOCOL = 196608
_HEAD = 5
_COPIES = (b"G", b"H", b"W")
_TELLING = ("25", "3F", "42", "53", "55", "57")
"""Classes of SQLSTATE whose messages name objects and settings alone: others may have data in them."""
_MOST_BYTES = 4 << 20
"""Of one answer: whatever a query returns, this process stays small."""


class Lost(Exception):  # noqa: N818 - what happened
    """The connection is of no use any more, or there never was one."""


class Refused(Exception):  # noqa: N818 - what happened
    """The server refused a statement; the message has its SQLSTATE and its words."""


class Connection:
    """A connection to one database."""

    def __init__(self, path: str, user: str, database: str, options: str, seconds: float) -> None:
        """Connect; raises Lost. `seconds`: how long any answer may take."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._buffer = b""
        try:
            self._socket.connect(path)
            settings = {"user": user, "database": database, "options": options, "application_name": user}
            words = "".join(f"{name}\0{value}\0" for name, value in settings.items()) + "\0"
            body = struct.pack("!i", _PROTOCOL) + words.encode()
            self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
            self._begin()
        except (OSError, Refused) as error:
            self.close()
            raise Lost(str(error)) from None

    def rows(self, statement: str) -> tuple[tuple[str, ...], list[Row]]:
        """Return the names of the columns, and the rows; raises Refused, Lost."""
        parse = b"\0" + statement.encode() + b"\0\0\0"
        messages = ((b"P", parse), (b"B", b"\0" * 8), (b"D", b"P\0"), (b"E", b"\0" * 5), (b"S", b""))
        try:
            self._socket.sendall(b"".join(kind + struct.pack("!i", len(b) + 4) + b for kind, b in messages))
            return self._answer()
        except OSError as error:
            self.close()
            raise Lost(str(error)) from None

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def _begin(self) -> None:
        while True:
            kind, body = self._message()
            if kind == b"R" and body[:4] != b"\0\0\0\0":
                raise OSError("the server asks for a password")
            if kind == b"E":
                raise Refused(_words(body))
            if kind == b"Z":
                return

    def _answer(self) -> tuple[tuple[str, ...], list[Row]]:
        found: dict[bytes, list[bytes]] = {}
        size = 0
        while b"Z" not in found:
            kind, body = self._message()
            found.setdefault(kind, []).append(body)
            size += len(body)
            if size > _MOST_BYTES:
                raise OSError(f"an answer of more than {_MOST_BYTES >> 20} MiB")
            if kind in _COPIES:
                raise OSError("a COPY is no query")
        if b"E" in found:
            raise Refused(_words(found[b"E"][0]))
        names = _names(found[b"T"][0]) if b"T" in found else ()
        return names, [_row(body) for body in found.get(b"D", [])]

    def _message(self) -> tuple[bytes, bytes]:
        head = self._read(_HEAD)
        length: int = struct.unpack("!i", head[1:])[0] - 4
        if not 0 <= length <= _MOST_BYTES:
            raise OSError(f"a message of {length} bytes")
        return head[:1], self._read(length)

    def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            more = self._socket.recv(1 << 16)
            if not more:
                raise OSError("the server closed the connection")
            self._buffer += more
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found


def _names(body: bytes) -> tuple[str, ...]:
    names, place = [], 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(0, place)
        names.append(body[place:end].decode())
        place = end + 19
    return tuple(names)


def _row(body: bytes) -> Row:
    values: list[str | None] = []
    place = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        length = int.from_bytes(body[place : place + 4], "big", signed=True)
        place += 4
        values.append(None if length < 0 else body[place : place + length].decode("utf-8", "replace"))
        place += max(length, 0)
    return tuple(values)


def _words(body: bytes) -> str:
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    state = fields.get(b"C", "")
    return f"{fields.get(b'M', '')} ({state})" if state.startswith(_TELLING) else f"SQLSTATE {state}"


class Link:
    """A connection that is opened when it is first asked for, and anew where it was lost."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._open: Connection | None = None

    def opened(self) -> Connection:
        """Return the connection; raises Lost or Refused."""
        if self._open is None:
            self._open = self._connect()
        return self._open

    def close(self) -> None:
        """End it; another may be opened."""
        if self._open is not None:
            self._open.close()
        self._open = None
