"""A database with its backups, without Kubernetes: its pods are machines (backup_machine).

Certificates, names and mounts are those that the controller will give them.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.protocol.settings import RestoreRequest, S3Repository, Settings, VolumeRepository
from deploy.local.pki import Authority, Pair
from tests.backup_machine import Database, Machine
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.protocol.results import Result

ARCHIVE = "orders-1a2b"
KEY = "a-long-encryption-key"
HOSTS = {"orders-0": "127.0.0.1", "orders-repository": "127.0.0.1", "s3.example": "127.0.0.1"}
CA_FILE = "/etc/keddah/backup/s3/ca.crt"
CREDENTIALS = "/etc/keddah/backup/s3"


class Site:
    """The pods `orders-0`, a Job's and, with a volume, `orders-repository`, for one test or several."""

    def __init__(
        self,
        root: Path,
        folder: Path,
        repository: VolumeRepository | S3Repository,
        *,
        secrets: dict[str, str] | None = None,
        **settings: Any,  # noqa: ANN401 - whatever Settings has
    ) -> None:
        self._root, self._folder, self._secrets = root, folder, secrets or {}
        authority = Authority(folder / "ca", "orders-ca")
        self._authority = authority.pair.certificate.read_text()
        self._member = authority.issue("member", "orders-member", serves=["orders-0"])
        self._repository = authority.issue("repository", "orders-repository", serves=["orders-repository"])
        self.settings = Settings(
            archive=ARCHIVE,
            data="/var/lib/postgresql/18/data",
            repository=repository,
            members=("orders-0",),
            encryption_key_file="/etc/keddah/backup/key/key",
            port=free_port(),
            **settings,
        )
        self.member = self.pod("orders-0")
        self.database = Database(self.member)
        self.job = Machine(root, folder / "job", HOSTS)
        self.repository = Machine(root, folder / "repository", HOSTS)
        self.results: list[Result] = []
        self.configure()

    def configure(self, secrets: dict[str, str] | None = None, **settings: Any) -> None:  # noqa: ANN401 - as above
        """Give all pods these settings and secrets; what is not named stays."""
        self._secrets |= secrets or {}
        self.settings = replace(self.settings, **settings)
        self._mount(self.member, self._member, "orders-repository")
        for machine in (self.job, self.repository):
            self._mount(machine, self._repository, "orders-member")
        if isinstance(self.settings.repository, VolumeRepository):
            self.job.share("repository", self.repository)

    def pod(self, name: str, **settings: Any) -> Machine:  # noqa: ANN401 - as above
        """Return another pod with an instance's mounts, as one that verifies or restores."""
        machine = Machine(self._root, self._folder / name, HOSTS)
        self._mount(machine, self._member, "orders-repository", **settings)
        return machine

    def _mount(self, machine: Machine, pair: Pair, client: str, **settings: Any) -> None:  # noqa: ANN401 - as above
        secrets = {
            "backup/tls/ca.crt": self._authority,
            "backup/tls/tls.crt": pair.certificate.read_text(),
            "backup/tls/tls.key": pair.key.read_text(),
            "backup/key/key": KEY,
            **self._secrets,
        }
        machine.configure(replace(self.settings, clients=(client,), **settings), secrets=secrets)

    @contextmanager
    def running(self) -> Iterator[Site]:
        """Have the servers and PostgreSQL run; the database is made if it is not there."""
        with ExitStack() as stack:
            if isinstance(self.settings.repository, VolumeRepository):
                stack.enter_context(self.serving(self.repository, "repository"))
            stack.enter_context(self.serving(self.member, "member"))
            if not self.database.file("PG_VERSION").exists():
                self.database.create()
            stack.enter_context(self.database.running())
            yield self

    @contextmanager
    def serving(self, machine: Machine, place: str) -> Iterator[None]:
        """Have a pod serve its data or its repository."""
        repository = self.settings.repository
        host, port = "orders-0", self.settings.port
        if place == "repository" and isinstance(repository, VolumeRepository):
            host, port = repository.host, repository.port
        with machine.running("keddah-backup", "serve", f"--place={place}") as process:
            ping = ("pgbackrest", "server-ping", f"--tls-server-port={port}", host)
            until(lambda: process.poll() is None and machine.run(*ping).code == 0)
            yield

    def back_up(self) -> Result:
        """Run the Job."""
        return self.job.backup("backup")

    def verify(self, name: str = "verify") -> Result:
        """Run the Job that verifies, in a pod of its own."""
        return self.pod(name).backup("verify", "--scratch=/var/lib/postgresql/scratch/data")

    def restored(self, name: str, *target: str) -> tuple[Result, Database]:
        """Restore into a new database's pod; its own archive has another name."""
        machine = self.pod(name, archive=name)
        machine.mount("backup/source.json", self.settings.text())
        result = machine.backup("restore", "--source=/etc/keddah/backup/source.json", *target)
        return result, Database(machine)

    def recovered(self, name: str, /, **request: Any) -> tuple[Result, Database]:  # noqa: ANN401 - as a request
        """Restore as a request says, and replay the WAL, into a new database's pod."""
        machine = self.pod(name, archive=name)
        other = {name: request.pop(name) for name in ("archive", "data") if name in request}
        source = replace(self.settings, **other)
        machine.mount("restore/request.json", RestoreRequest(source=source, **request).text())
        result = machine.backup("restore", "--request=/etc/keddah/restore/request.json")
        return result, Database(machine)


def volume() -> VolumeRepository:
    """Return the repository that a volume holds."""
    return VolumeRepository(host="orders-repository", port=free_port())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
    return port
