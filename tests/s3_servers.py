"""S3 over TLS on this machine, by two servers that have no code in common."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.protocol.settings import S3Repository
from deploy.local.pki import Authority
from tests.backup_site import CA_FILE, CREDENTIALS, free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ACCESS, SECRET, BUCKET, NAME = "backup-user", "backup-secret-of-32-characters--", "backups", "s3.example"
SERVERS = ("versitygw", "gofakes3")


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
