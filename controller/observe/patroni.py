"""Patroni's REST API, as far as the controller speaks it.

Reading is open to everybody who reaches the port; whatever changes something wants a certificate of the
database's own authority (`verify_client: optional`). Addresses are pod IPs, which no certificate names, so
the server is known by its authority and not by its host name. https://patroni.readthedocs.io/en/latest/rest_api.html
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from controller.certificates.pki import issue_client
from controller.observe import pods

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from controller.certificates.certificate import Pair
    from controller.certificates.pki import DatabaseKeys, Entropy

PORT = 8008
READ_SECONDS = 3.0
# Patroni answers a switchover or a restart when it is over; it gives up on a switchover after `ttl` = 20 s.
CHANGE_SECONDS = 60.0
# The member to be woken may be about to end, or frozen.
WAKE_SECONDS = 1.0

_CLIENT = "keddah-controller"
_ACCEPTED = range(200, 300)


@dataclass(frozen=True, slots=True)
class Reply:
    """What Patroni answered: the HTTP status (0: nothing) and its words."""

    status: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether it was done, or will be."""
        return self.status in _ACCEPTED


class Patroni:
    """A client for the members of all databases; failures are answers, not exceptions.

    `permit` is called before every change, and raises to forbid it: whoever lost the lease must not act.
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

    async def server_version(self, ip: str, authority: str | None = None) -> str | None:
        """Return the version of the server in a pod, such as "17.6"; None when it does not tell.

        Without the PEM of the database's `authority` whoever answers at the address is believed.
        """
        reply = await self._send("GET", ip, "/patroni", None, reading_context(authority), READ_SECONDS)
        try:
            number = int(msgspec.json.decode(reply.text)["server_version"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return None
        return f"{number // 10000}.{number % 10000}"  # PostgreSQL, server_version_num, since 10

    async def pending_restart(self, ip: str) -> bool | None:
        """Whether a server must restart for its parameters; None when it does not tell."""
        reply = await self._send("GET", ip, "/patroni", None, reading_context(None), READ_SECONDS)
        try:
            said = msgspec.json.decode(reply.text, type=dict[str, Any])
        except msgspec.DecodeError:
            return None
        return pods.pending_restart(said) is not None

    async def certificate(self, ip: str) -> str | None:
        """Return the certificate, PEM, that a member serves with; None when it does not answer."""
        context = reading_context(None)
        try:
            async with asyncio.timeout(READ_SECONDS):
                _, writer = await asyncio.open_connection(ip, self._port, ssl=context)
        except (TimeoutError, OSError):
            return None
        served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return ssl.DER_cert_to_PEM_cert(served)

    async def reload(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Have a member read its files again: certificates, and PostgreSQL's configuration."""
        return await self._change(ip, "/reload", {}, keys)

    async def switchover(self, ip: str, leader: str, candidate: str | None, keys: DatabaseKeys) -> Reply:
        """Hand the lead from one member to another, which loses nothing; ask a standby.

        A member answers when it is over, and cannot end before it has answered: a leader that was asked,
        and is told to end meanwhile (a drain does that), goes on writing without renewing its lock.
        """
        body = {"leader": leader} | ({"candidate": candidate} if candidate else {})
        return await self._change(ip, "/switchover", body, keys)

    async def wake(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Have a member look around at once, and not after up to `loop_wait` seconds.

        Any change of the configuration wakes it, and so does one that removes what is not there.
        """
        return await self._change(ip, "/config", {"keddah": None}, keys, method="PATCH", seconds=WAKE_SECONDS)

    async def restart(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Restart the server of a member if it still has to be restarted for its parameters."""
        return await self._change(ip, "/restart", {"restart_pending": True}, keys)

    async def reinitialize(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Have a standby throw its data away and copy the primary's."""
        return await self._change(ip, "/reinitialize", {"force": True, "from_leader": True}, keys)

    async def _change(
        self,
        ip: str,
        path: str,
        body: dict[str, Any],
        keys: DatabaseKeys,
        *,
        method: str = "POST",
        seconds: float = CHANGE_SECONDS,
    ) -> Reply:
        self._permit()
        pair = await self._client(ip, keys)
        return await self._send(method, ip, path, body, changing_context(keys.trusted, pair), seconds)

    async def _client(self, ip: str, keys: DatabaseKeys) -> Pair:
        """Give what a member knows the controller by: a certificate of the authority that it serves with.

        It loads another authority only together with another certificate (Patroni 4.1, api.py,
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
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=READ_SECONDS)
        connector = aiohttp.TCPConnector(ssl=context)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"https://{host}:{self._port}{path}", json=body) as answer,
            ):
                return Reply(answer.status, await answer.text())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(0, f"{type(error).__name__}: {error}")


def reading_context(authority: str | None) -> ssl.SSLContext:
    """Return a context for who only reads."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=authority)
    return context


def changing_context(authority: str, pair: Pair) -> ssl.SSLContext:
    """Return a context for who proves to be the controller; the key is never written to a disk."""
    context = reading_context(authority)
    memory = os.memfd_create("pair")  # ssl reads pairs from files only; this one is nowhere but in memory
    try:
        os.write(memory, f"{pair.crt}{pair.key}".encode())
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)
    return context
