"""The client for Patroni against an HTTPS server that asks for certificates as Patroni does."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from controller.certificates.keys import DatabaseKeys, Former
from controller.certificates.pki import issue_server
from controller.observe.instances import pods
from controller.patroni import CONNECT_SECONDS, READ_SECONDS, Patroni, Reply, changing_context
from tests.silence import silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from controller.certificates.certificate import Pair

NOW = datetime.now(UTC)
KEYS = DatabaseKeys.generate("orders", now=NOW, entropy=secrets.token_bytes)
OTHERS = DatabaseKeys.generate("others", now=NOW, entropy=secrets.token_bytes)


class Member:
    """A member of a database: remembers what it was told, and by whom."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.told: list[tuple[str, Any, bool]] = []
        self.version: Any = {"server_version": 170006}
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as Patroni does: only the certified may change something."""
        if request.method == "GET":
            return web.json_response(self.version)
        assert request.transport is not None
        certified = bool(request.transport.get_extra_info("peercert"))
        self.told.append((request.path, await request.json(), certified))
        return web.Response(text="done" if certified else "no", status=200 if certified else 403)


def serving() -> Pair:
    return issue_server(KEYS.authority, ["orders-0"], now=NOW, entropy=secrets.token_bytes, client_too=True)


@pytest.fixture
async def member() -> AsyncIterator[Member]:
    found = Member(serving())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=KEYS.ca_crt)
    context.verify_mode = ssl.CERT_OPTIONAL
    _load(context, found.pair.crt + found.pair.key)
    app = web.Application()
    app.router.add_route("*", "/{path}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


def _load(context: ssl.SSLContext, pem: str) -> None:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


def client(member: Member) -> Patroni:
    return Patroni(now=lambda: NOW, entropy=secrets.token_bytes, port=member.port)


TAKEN_BACK = {
    "pending_restart": True,
    "pending_restart_reason": {"shared_preload_libraries": {"old_value": "", "new_value": ""}},
}


@pytest.mark.parametrize(
    ("page", "pending"),
    [({"state": "running"}, False), ({"pending_restart": True}, True), (TAKEN_BACK, False), ([], None)],
)
async def test_a_server_tells_whether_it_must_restart(member: Member, page: object, pending: object) -> None:
    member.version = page
    said = await client(member).member("127.0.0.1")
    assert (None if said is None else pods.pending_restart(said) is not None) is pending


async def test_the_version_is_read_as_people_write_it(member: Member) -> None:
    assert await client(member).server_version("127.0.0.1") == "17.6"
    assert await client(member).server_version("127.0.0.1", KEYS.ca_crt) == "17.6"


async def test_a_member_of_another_authority_is_not_believed(member: Member) -> None:
    assert await client(member).server_version("127.0.0.1", OTHERS.ca_crt) is None


async def test_a_member_whose_node_is_gone_is_waited_for_no_longer_than_a_connection_takes() -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        gone = Patroni(now=lambda: NOW, entropy=secrets.token_bytes, port=line.getsockname()[1])
        with silent(line):
            begun = time.monotonic()
            version, certificate = await asyncio.gather(
                gone.server_version("127.0.0.1"), gone.certificate("127.0.0.1")
            )
            lasted = time.monotonic() - begun
    assert version is None
    assert certificate is None
    assert CONNECT_SECONDS <= lasted < READ_SECONDS


async def test_a_member_that_speaks_no_tls_has_no_certificate() -> None:
    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        closed = Patroni(now=lambda: NOW, entropy=secrets.token_bytes, port=port)
        assert await closed.certificate("127.0.0.1") is None


@pytest.mark.parametrize("answer", [{}, [], None, {"server_version": "new"}, {"server_version": None}])
async def test_a_version_that_makes_no_sense_is_none(member: Member, answer: Any) -> None:  # noqa: ANN401
    member.version = answer
    assert await client(member).server_version("127.0.0.1") is None


async def test_changes_are_asked_for_with_a_certificate_of_the_database(member: Member) -> None:
    assert await client(member).switchover("127.0.0.1", "orders-0", "orders-1", KEYS) == Reply(200, "done")
    assert (await client(member).restart("127.0.0.1", KEYS)).accepted
    assert (await client(member).reinitialize("127.0.0.1", KEYS)).accepted
    assert (await client(member).trigger_loop("127.0.0.1", KEYS)).accepted
    assert member.told == [
        ("/switchover", {"leader": "orders-0", "candidate": "orders-1"}, True),
        ("/restart", {"restart_pending": True}, True),
        ("/reinitialize", {"force": True, "from_leader": True}, True),
        ("/config", {"wake": None}, True),
    ]


async def test_the_keys_of_another_database_change_nothing(member: Member) -> None:
    reply = await client(member).restart("127.0.0.1", OTHERS)
    assert not reply.accepted
    assert reply.status == 0
    assert member.told == []


async def test_a_member_of_a_lost_authority_obeys_its_last_certificate(member: Member) -> None:
    former = Former(member.pair.crt, member.pair.key, KEYS.ca_crt)
    keys = DatabaseKeys.generate("orders", now=NOW, entropy=secrets.token_bytes, former=former)
    assert (await client(member).restart("127.0.0.1", keys)).accepted


async def test_a_member_that_has_left_a_lost_authority_obeys_the_new_one(member: Member) -> None:
    old = issue_server(OTHERS.authority, ["orders-0"], now=NOW, entropy=secrets.token_bytes, client_too=True)
    keys = replace(KEYS, former=Former(old.crt, old.key, OTHERS.ca_crt))
    assert (await client(member).restart("127.0.0.1", keys)).accepted


async def test_nobody_there_is_an_answer_too() -> None:
    lost = Patroni(now=lambda: NOW, entropy=secrets.token_bytes, port=1)
    reply = await lost.switchover("127.0.0.1", "a", "b", KEYS)
    assert reply.status == 0
    assert reply.text
    assert await lost.server_version("::1") is None


def test_a_pair_that_does_not_fit_is_an_error() -> None:
    one = issue_server(KEYS.authority, ["a"], now=NOW, entropy=secrets.token_bytes)
    two = issue_server(KEYS.authority, ["a"], now=NOW, entropy=secrets.token_bytes)
    with pytest.raises(ssl.SSLError):
        changing_context(KEYS.ca_crt, type(one)(one.crt, two.key))
