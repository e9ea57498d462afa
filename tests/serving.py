"""The admission server between its Secret and the API server: mounted, trusted, served, and called."""

from __future__ import annotations

import base64
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from controller.certificates.certificate import split
from controller.certificates.webhooks import TLS_SECRET
from controller.kube.kinds import WEBHOOK_CONFIGURATIONS, CertificateMode
from deploy.generate.objects import NAMESPACE, WEBHOOKS
from deploy.manifests import objects
from tests import factory
from tests.rounds import Rounds
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.rest import Object, Rest

_SYNC_SECONDS = 1.0
"""Between two looks of our kubelet at a Secret; a real one's are a minute apart."""
_MISTAKES = {"spec.version", "spec.replicas"}


def lead_here(rest: Rest, port: int) -> None:
    """Have the Service lead to this machine: there is no pod network, and the port is any."""
    rest.delete("Service", NAMESPACE, WEBHOOKS).expect()
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    metadata = {"name": WEBHOOKS, "namespace": NAMESPACE}
    rest.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}).expect()


def apply_installation(rest: Rest, certificates: CertificateMode, port: int) -> None:
    """Apply all objects in a mode, as kubectl does, but for where the API server calls."""
    for manifest in objects(certificates):
        if manifest["kind"] == "Service":
            continue
        if manifest["kind"] in WEBHOOK_CONFIGURATIONS:
            manifest["webhooks"] = [_at(hook, port) for hook in manifest["webhooks"]]
        rest.apply(manifest, manager="kubectl").expect()


def _at(hook: Object, port: int) -> Object:
    service = {**hook["clientConfig"]["service"], "port": port}
    return {**hook, "clientConfig": {"service": service}}


@contextmanager
def called(
    rest: Rest, folder: Path, certificates: CertificateMode, why: Callable[[], object] = str
) -> Iterator[WebhookProcess]:
    """Run the admission server: its Secret is mounted, and the API server calls it through its Service.

    `why` tells what else is to be known if it is not called in time.
    """
    with (
        Mount(rest, TLS_SECRET, folder / "mounted") as mount,
        WebhookProcess(folder / "server", KEDDAH_TLS_DIR=str(mount.folder)) as process,
    ):
        until(lambda: process.probe("/readyz")[0] == 200, 30, process.log.read_text)
        lead_here(rest, process.port)
        apply_installation(rest, certificates, process.port)
        wrong = factory.submitted("orders", "default", version="16.99", replicas=0)
        until(lambda: refused(rest.create(wrong, dryRun="All").body), 20, why)
        yield process


def bundles(rest: Rest) -> set[str]:
    """Return every caBundle that the API server has, decoded; "" for none."""
    found = [rest.get(kind, None, "keddah") or {} for kind in WEBHOOK_CONFIGURATIONS]
    encoded = [w["clientConfig"].get("caBundle", "") for one in found for w in one["webhooks"]]
    return {base64.b64decode(each).decode() for each in encoded}


def trusted(rest: Rest, authority: str) -> bool:
    """Tell whether both configurations trust an authority, in each of their webhooks."""
    return all(set(split(authority)) <= set(split(bundle)) for bundle in bundles(rest))


def shown(process: WebhookProcess) -> str:
    """Return the certificate that the admission server shows; PEM."""
    return ssl.get_server_certificate(("127.0.0.1", process.port))


def leaf(rest: Rest) -> str:
    """Return the serving certificate in its Secret, "" while there is none."""
    return entries(rest, TLS_SECRET).get("tls.crt", "")


def await_served(rest: Rest, process: WebhookProcess, former: str) -> None:
    """Wait until another certificate than a former one is in the Secret, and the one that is served."""
    until(lambda: leaf(rest) not in ("", former), 30)
    until(lambda: split(shown(process)) == split(leaf(rest)), 20)


def entries(rest: Rest, name: str) -> dict[str, str]:
    """Return what a Secret of the operator's namespace holds, decoded; nothing when there is none."""
    secret = rest.get("Secret", NAMESPACE, name) or {}
    return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}


class Mount(Rounds):
    """A Secret as files, as the kubelet keeps them: exchanged all at once, and kept when it is deleted."""

    def __init__(self, rest: Rest, secret: str, folder: Path) -> None:
        super().__init__("mount", every=0.05)
        self.folder = folder
        self._rest = rest
        self._secret = secret
        self._held: dict[str, str] = {}
        self._number = 0
        folder.mkdir()

    def look(self) -> None:
        """Exchange the files if the Secret has others."""
        if (found := entries(self._rest, self._secret)) and found != self._held:
            self._number += 1
            self._exchange(f"..{self._number}", found)
            self._held = found
            self.every = _SYNC_SECONDS

    def _exchange(self, version: str, files: dict[str, str]) -> None:
        (self.folder / version).mkdir()
        for name, text in files.items():
            (self.folder / version / name).write_text(text)
        (self.folder / "..link").symlink_to(version)
        (self.folder / "..link").rename(self.folder / "..data")
        for name in files.keys() - {file.name for file in self.folder.iterdir()}:
            (self.folder / name).symlink_to(f"..data/{name}")


class Calls(Rounds):
    """Somebody who goes on creating databases, right ones and wrong ones, and keeps every wrong answer."""

    def __init__(self, rest: Rest, every: float = 0.02) -> None:
        super().__init__("calls", every)
        self._rest = rest
        self.made = 0
        self.failed: list[str] = []

    def look(self) -> None:
        """Create one of each."""
        right = factory.submitted("orders", "default", replicas=2)
        wrong = factory.submitted("orders", "default", version="16.99", replicas=0)
        for manifest, judge in ((right, completed), (wrong, refused)):
            begun = time.monotonic()
            answer = self._rest.create(manifest, dryRun="All")
            self.made += 1
            if not judge(answer.body):
                self.failed.append(f"after {time.monotonic() - begun:.2f} s: {answer.status} {answer.body}")


def completed(body: Object) -> bool:
    """Tell whether a database was accepted, with its defaults."""
    return body["kind"] == "PostgreSQLDatabase" and "version" in body["spec"]


def refused(body: Object) -> bool:
    """Tell whether a database was refused with all its mistakes."""
    causes = (body.get("details") or {}).get("causes") or []
    return {cause.get("field") for cause in causes} == _MISTAKES
