"""A client for the parts of Patroni's REST API that the controller uses.

Reading is open to everybody who reaches the port; changes need a client certificate of the database's own
CA (`verify_client: optional`). Addresses are pod IPs, which no certificate contains, so the server is
verified by its CA and not by its host name.
https://patroni.readthedocs.io/en/latest/rest_api.html
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from controller.certificates.pki import issue_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from controller.certificates.certificate import Pair
    from controller.certificates.keys import DatabaseKeys
    from controller.certificates.pki import Entropy

logger = logging.getLogger(__name__)

PORT = 8008
READ_SECONDS = 3.0
# A node that is there takes a connection at once, and no pass may wait longer for one that is gone: what else
# it found is reported only afterwards.
CONNECT_SECONDS = 1.0
# Patroni answers a switchover or a restart when it is done; it gives up on a switchover after `ttl` = 20 s.
CHANGE_SECONDS = 60.0
# Everything else it begins at once, unless it is frozen: no worker may wait for long then.
ACCEPT_SECONDS = 10.0
# The member may be shutting down, or frozen.
TRIGGER_SECONDS = 1.0

_CLIENT = "keddah-controller"
_ACCEPTED = range(200, 300)
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """Patroni's answer: HTTP status, or NO_ANSWER, and text."""

    status: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the request was accepted (2xx)."""
        return self.status in _ACCEPTED


class Patroni:
    """A client for the members of all databases; failures are returned, not raised.

    `permit` is called before every change and raises LeadershipLost if this process lost the Lease.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        entropy: Entropy,
        permit: Callable[[], None] = lambda: None,
        port: int = PORT,
    ) -> None:
        self._now = now
        self._permit = permit
        self._entropy = entropy
        self._port = port
        self._restarts: dict[str, asyncio.Task[Reply]] = {}

    async def server_version(self, ip: str, authority: str | None = None) -> str | None:
        """Return the version of the server in a pod, such as "17.6"; None without an answer.

        The server's certificate is verified only if `authority`, the database's CA (PEM), is given.
        """
        reply = await self._send("GET", ip, "/patroni", None, reading_context(authority), READ_SECONDS)
        try:
            number = int(msgspec.json.decode(reply.text)["server_version"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return None
        return f"{number // 10000}.{number % 10000}"  # PostgreSQL, server_version_num, since 10

    async def member(self, ip: str) -> dict[str, Any] | None:
        """Return what a member says of itself, as it also writes to its pod; None without an answer."""
        reply = await self._send("GET", ip, "/patroni", None, reading_context(None), READ_SECONDS)
        try:
            return msgspec.json.decode(reply.text, type=dict[str, Any])
        except msgspec.DecodeError:
            return None

    async def certificate(self, ip: str) -> str | None:
        """Return the certificate, PEM, that a member serves with; None when it does not answer."""
        context = reading_context(None)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(ip, self._port)
        except (TimeoutError, OSError):
            return None
        try:
            async with asyncio.timeout(READ_SECONDS):
                await writer.start_tls(context)
            served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        except (TimeoutError, OSError):
            return None
        finally:
            # A farewell of TLS would keep the connection until the member answers it, or for half a minute.
            writer.transport.abort()
        return ssl.DER_cert_to_PEM_cert(served)

    async def reload(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Make a member reload its files: certificates, and PostgreSQL's configuration."""
        return await self._change(ip, "/reload", {}, keys, seconds=ACCEPT_SECONDS)

    async def switchover(self, ip: str, leader: str, candidate: str | None, keys: DatabaseKeys) -> Reply:
        """Switch over from `leader` to `candidate` (None: any), which loses no commit; `ip` is of a standby.

        A member answers only after the switchover, and cannot shut down before it has answered: if the leader
        were asked, and told to shut down meanwhile (as in a drain), it would go on without renewing its lock.
        """
        body = {"leader": leader} | ({"candidate": candidate} if candidate else {})
        return await self._change(ip, "/switchover", body, keys, seconds=CHANGE_SECONDS)

    async def trigger_loop(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Make a member run its loop at once, instead of after up to `loop_wait` seconds.

        Any PATCH of the configuration does that, even one that removes a key that does not exist.
        """
        return await self._change(
            ip, "/config", {"wake": None}, keys, method="PATCH", seconds=TRIGGER_SECONDS
        )

    async def restart(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Restart a member's server if a restart is still pending; Patroni answers when it is over."""
        body = {"restart_pending": True}
        return await self._change(ip, "/restart", body, keys, seconds=CHANGE_SECONDS)

    def begin_restart(self, ip: str, keys: DatabaseKeys) -> asyncio.Task[Reply]:
        """Begin a restart that goes on in the background, so that nobody has to wait for it."""
        asked = self._restarts[ip] = asyncio.create_task(self.restart(ip, keys))
        asked.add_done_callback(partial(self._restarted, ip))
        return asked

    def restarting(self, ip: str) -> bool:
        """Whether a restart that this process began has not ended yet."""
        return ip in self._restarts

    def _restarted(self, ip: str, asked: asyncio.Task[Reply]) -> None:
        del self._restarts[ip]
        if asked.cancelled():
            return
        why = asked.exception() or (None if asked.result().accepted else asked.result())
        if why is not None:
            logger.warning("A restart failed ip=%s why=%r", ip, why)

    async def reinitialize(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Make a standby discard its data and clone the primary."""
        body = {"force": True, "from_leader": True}
        return await self._change(ip, "/reinitialize", body, keys, seconds=ACCEPT_SECONDS)

    async def _change(
        self,
        ip: str,
        path: str,
        body: dict[str, Any],
        keys: DatabaseKeys,
        *,
        method: str = "POST",
        seconds: float,
    ) -> Reply:
        self._permit()
        pair = await self._client(ip, keys)
        return await self._send(method, ip, path, body, changing_context(keys.trusted, pair), seconds)

    async def _client(self, ip: str, keys: DatabaseKeys) -> Pair:
        """Return a client certificate of the CA that this member trusts now.

        A member loads a new CA only together with a new certificate (Patroni 4.1, api.py,
        reload_local_certificate).
        """
        if keys.former and keys.former.signed(await self.certificate(ip) or ""):
            return keys.former
        return issue_client(keys.authority, _CLIENT, now=self._now(), entropy=self._entropy)

    async def _send(
        self,
        method: str,
        ip: str,
        path: str,
        body: dict[str, Any] | None,
        context: ssl.SSLContext,
        seconds: float,
    ) -> Reply:
        host = f"[{ip}]" if ":" in ip else ip
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        connector = aiohttp.TCPConnector(ssl=context)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"https://{host}:{self._port}{path}", json=body) as answer,
            ):
                return Reply(answer.status, await answer.text())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(NO_ANSWER, f"{type(error).__name__}: {error}".removesuffix(": "))


def reading_context(authority: str | None) -> ssl.SSLContext:
    """Return a TLS context for reading; it verifies the server only if `authority` is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=authority)
    return context


def changing_context(authority: str, pair: Pair) -> ssl.SSLContext:
    """Return a TLS context with the controller's client certificate; its key is never written to disk."""
    context = reading_context(authority)
    memory = os.memfd_create("pair")  # ssl loads certificates only from files; this one is in memory
    try:
        os.write(memory, f"{pair.crt}{pair.key}".encode())
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)
    return context
