"""S3 over TLS on this machine, by two servers that have no code in common, and a proxy with bad days."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.protocol.settings import S3Repository
from deploy.local.pki import Authority
from tests.backup_site import CA_FILE, CREDENTIALS, free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ACCESS, SECRET, BUCKET, NAME = "backup-user", "backup-secret-of-32-characters--", "backups", "s3.example"
SERVERS = ("versitygw", "gofakes3")

_BUFFER = 65536


@dataclass
class S3:
    """A server: how it is reached, and what its clients must have."""

    port: int
    ca: Authority
    host: str = "127.0.0.1"
    name: str = NAME

    def repository(self, *, bucket: str = BUCKET, endpoint: str = "", port: int = 0) -> S3Repository:
        """Return the repository in its bucket, or one that is wrong in what is given."""
        reached = endpoint or f"https://{NAME}:{port or self.port}"
        path, region = "/shop/orders", "us-east-1"
        return S3Repository(
            bucket=bucket,
            endpoint=reached,
            path=path,
            region=region,
            ca_file=CA_FILE,
            credentials=CREDENTIALS,
        )

    def secrets(self) -> dict[str, str]:
        """Return the files that such a repository names."""
        return {
            "backup/s3/ca.crt": self.ca.pair.certificate.read_text(),
            "backup/s3/accessKeyId": ACCESS,
            "backup/s3/secretAccessKey": SECRET,
        }


@contextmanager
def serving(
    server: str,
    programs: Path,
    folder: Path,
    *,
    name: str = NAME,
    host: str = "127.0.0.1",
    within: Sequence[str] = (),
    secret: str = SECRET,
    virtual: bool = False,
) -> Iterator[S3]:
    """Have one of the servers run, with a certificate of an authority of its own, and a bucket.

    The bucket is empty, unless the same folder was served before. `within` is the command that runs it in
    another network namespace, which has the address `host`; `secret` is what its only user signs with.
    With `virtual`, versitygw takes the bucket's name from before its own.
    """
    authority = Authority(folder / "ca", "storage-ca")
    pair = authority.issue("server", name, serves=[name, f"*.{name}"])
    port = free_port()
    (folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
    (folder / "attributes").mkdir(exist_ok=True)
    address, files = f"{host}:{port}", (str(pair.certificate), str(pair.key))
    commands = {
        "gofakes3": ["--address", address, "--cert", files[0], "--key", files[1], BUCKET],
        "versitygw": [
            *("--port", address, "--cert", files[0], "--key", files[1], "--quiet"),
            *(("--virtual-domain", name) if virtual else ()),
            *("posix", "--sidecar", str(folder / "attributes"), str(folder / "data")),
        ],
    }
    keys = {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": secret, "ACCESS_KEY": ACCESS, "SECRET_KEY": secret}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*within, str(programs / server), *commands[server]],
            env={**os.environ, **keys},
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _listens(host, port), why=lambda: (folder / "log").read_text()[-500:])
        yield S3(port, authority, host, name)
    finally:
        process.kill()
        process.wait()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex((host, port)) == 0


@dataclass
class Weather:
    """What befalls requests: an answer in place of the server's, or the end of a connection."""

    answer: str = ""
    """`503 Slow Down`: the status line's end; the server is not asked."""
    content: str = ""
    cut_after: int = 0
    """Bytes of an upload after which its connection is cut; once."""
    cuts: int = field(default=0)


class Proxy:
    """A proxy before a server; it ends TLS, with a certificate of the server's authority, and has a weather.

    Its event loop runs in a thread of its own, which `enter` takes to the server's network namespace.
    """

    def __init__(self, server: S3, enter: Callable[[], None] = lambda: None) -> None:
        self.weather = Weather()
        self.port = free_port()
        self.server = server
        """May be exchanged for another of the same authority."""
        self._enter = enter
        self._inside = ssl.create_default_context(cafile=str(server.ca.pair.certificate))
        self._outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.present(server.ca)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait()

    def present(self, authority: Authority) -> None:
        """Show clients a certificate of this authority from now on."""
        pair = authority.issue("proxy", self.server.name, serves=[self.server.name])
        self._outside.load_cert_chain(pair.certificate, pair.key)

    async def _run(self) -> None:
        self._enter()
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        listening = await asyncio.start_server(self._serve, self.server.host, self.port, ssl=self._outside)
        self._ready.set()
        await self._end.wait()
        listening.close()
        await _end_all()

    def close(self) -> None:
        """Serve nobody any more."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.weather.answer:
                await self._refuse(reader, writer)
            else:
                await self._pass(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = self.weather.content.encode()
        head = f"HTTP/1.1 {self.weather.answer}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(
            self.server.host, self.server.port, ssl=self._inside, server_hostname=self.server.name
        )
        ways = (self._upload(reader, to_server), _copy(from_server, writer))
        try:
            await asyncio.wait(
                [asyncio.create_task(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            to_server.close()

    async def _upload(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = 0
        while data := await reader.read(_BUFFER):
            sent += len(data)
            if self.weather.answer or 0 < self.weather.cut_after < sent:
                self.weather.cut_after = 0
                self.weather.cuts += 1
                return
            writer.write(data)
            await writer.drain()


async def _end_all() -> None:
    """End what this thread's event loop does, and close its connections, also those without TLS yet.

    One that is still open when the loop ends is told of by Python, in the midst of any other test.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Of asyncio itself nobody but the loop knows all of them.
    for transport in list(asyncio.get_running_loop()._transports.values()):  # type: ignore[attr-defined]
        transport.abort()
    await asyncio.sleep(0)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_BUFFER):
        writer.write(data)
        await writer.drain()


def error(code: str) -> str:
    """Return S3's description of an error."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as S3 says it</Message></Error>"
