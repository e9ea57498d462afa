"""An API server with its etcd and nothing else: on 127.0.0.1, in a folder, without root.

    with ControlPlane(folder) as plane:
        ... plane.kubeconfig ...

For tests of what only a real API server decides: admission, schemas, RBAC, server-side apply, deletion.
"""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Self

from deploy.local import apiserver
from deploy.local.build import binaries
from deploy.local.kube import Client
from deploy.local.processes import NotReadyError, Processes, tied_to_caller, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deploy.local.processes import Program

DELETION = ("garbage-collector-controller", "namespace-controller")
"""The controllers that deletion needs: garbage collection and namespaces."""

_READY_SECONDS = 60.0
_ADDRESS = "127.0.0.1"


class ControlPlane:
    """An API server that lives as long as the `with` block, and dies with the thread that started it.

    `flags` are added to the API server's; `audit` writes one JSON line a request to `audit_log`;
    `controllers` are names of kube-controller-manager's controllers to run as well, as DELETION.
    Webhooks are called by Service or by `url:` on 127.0.0.1. Raises BuildError, NotReadyError.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flags: Iterable[str] = (),
        audit: bool = False,
        controllers: Iterable[str] = (),
        programs: Path | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.programs = programs or binaries(print)
        self.kubeconfig = self.folder / "kubeconfig"
        self.audit_log = self.folder / "audit.log"
        self._audit = audit
        self._flags = (*flags, *(self._audit_flags() if audit else ()))
        self._controllers = tuple(controllers)
        self._processes = Processes(self.folder / "pids", self.folder / "logs")
        self._place = _free_place()

    @property
    def url(self) -> str:
        """The API server's URL."""
        return self._place.url

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the API server's; PEM."""
        return self.folder / "pki" / "ca.crt"

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the programs and return when the API server is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._audit:
            (self.folder / "audit.yaml").write_text(json.dumps(apiserver.AUDIT_POLICY))
        self._credentials = apiserver.Credentials.create(self.folder / "pki", self._place)
        groups = (apiserver.ADMINISTRATORS,)
        self._credentials.authority.kubeconfig(self.kubeconfig, self.url, "administrator", groups=groups)
        for program in self._servers():
            self._run(program)
        pair = self._credentials.administrator
        self.client = Client(self._place.address, self._place.port, self.authority, pair)
        wait_until(
            self._ready, f"the API server, see {self._processes.log('kube-apiserver')}", _READY_SECONDS
        )
        if self._controllers:
            # It gives up after 20 s, which may be too early on a busy machine, before RBAC is bootstrapped.
            place, credentials, pki = self._place, self._credentials, self.folder / "pki"
            wanted = self._controllers
            self._run(apiserver.controller_manager(self.programs, place, credentials, pki, wanted))

    def _run(self, program: Program) -> None:
        # A test run that is killed must not leave servers behind.
        self._processes.ensure(program.within(*tied_to_caller()))

    def stop(self) -> None:
        """Kill the programs; their files stay in the folder."""
        self._processes.stop(reversed(self._processes.names()))

    def pid(self, name: str) -> int:
        """Give the process id of one of its programs. Raises NotReadyError where it has ended."""
        found = self._processes.pid(name)
        if found is None:
            raise NotReadyError(f"{name} ended:\n{self._processes.tail(name)}")
        return found

    def kubeconfig_for(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Give the kubeconfig of another user, without any right but what RBAC gives that name and groups."""
        file = user.replace(":", "-").replace("/", "-") + ".kubeconfig"
        path = self.folder / "pki" / file
        return self._credentials.authority.kubeconfig(path, self.url, user, groups=groups)

    def _servers(self) -> list[Program]:
        place, credentials = self._place, self._credentials
        # Pods could not reach it at any address, so the Service `kubernetes` gets no endpoint.
        flags = ("--endpoint-reconciler-type=none", *self._flags)
        return [
            apiserver.etcd(self.programs, place, self.folder / "etcd"),
            apiserver.api_server(self.programs, place, credentials, flags),
        ]

    def _audit_flags(self) -> tuple[str, ...]:
        return (
            f"--audit-policy-file={self.folder / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-mode=blocking",
        )

    def _ready(self) -> bool:
        for name in self._processes.names():
            self.pid(name)
        return self.client.healthy("/readyz")


def _free_place() -> apiserver.Place:
    with ExitStack() as held:
        port, etcd, etcd_peer, controllers, scheduler = (_free_port(held) for _ in range(5))
    services = IPv4Network("10.0.0.0/16")
    return apiserver.Place(_ADDRESS, port, etcd, etcd_peer, controllers, scheduler, services)


def _free_port(held: ExitStack) -> int:
    # All stay open until the last is found; otherwise the kernel may return the same one twice.
    holder = held.enter_context(socket.socket())
    holder.bind((_ADDRESS, 0))
    return int(holder.getsockname()[1])
