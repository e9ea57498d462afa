"""The client for primaries: how many sessions it has with one server at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from controller.postgresql.client import MOST_SESSIONS, Address, PostgreSQL
from tests.servers import KEYS, NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest


def test_however_many_ask_a_server_has_few_sessions_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred declared databases must leave connections to those whose database it is."""
    now: dict[str, int] = {}
    most: dict[str, int] = {}

    @asynccontextmanager
    async def counted(_: PostgreSQL, address: Address, *__: object) -> AsyncIterator[None]:
        now[address.ip] = now.get(address.ip, 0) + 1
        most[address.ip] = max(most.get(address.ip, 0), now[address.ip])
        await asyncio.sleep(0.001)
        yield
        now[address.ip] -= 1

    monkeypatch.setattr(PostgreSQL, "_session", counted)
    client = PostgreSQL(now=lambda: NOW, entropy=bytes)

    async def ask(ip: str, database: int) -> None:
        async with client.session(Address(ip, "orders-0"), f"d{database}", KEYS.authority, ""):
            pass

    async def all_at_once() -> None:
        await asyncio.gather(
            *(ask(ip, database) for ip in ("10.0.0.1", "10.0.0.2") for database in range(50))
        )

    asyncio.run(all_at_once())
    assert most == {"10.0.0.1": MOST_SESSIONS, "10.0.0.2": MOST_SESSIONS}
    assert set(now.values()) == {0}
