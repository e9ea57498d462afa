"""The real cert-manager, as one process, and what is asked of it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

import yaml

from controller.kube.kinds import CertificateMode
from deploy.generate.objects import NAMESPACE
from deploy.local.processes import tied_to_caller
from deploy.manifests import objects
from tests.rest import path
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rest import Object, Rest


def install_definitions(rest: Rest, programs: Path) -> None:
    """Install cert-manager's CRDs, without which its process does not start."""
    for file in sorted((programs / "crds").glob("*.yaml")):
        rest.apply(yaml.safe_load(file.read_text())).expect()
    for kind in ("Issuer", "Certificate"):
        until(partial(_served, rest, kind), 20)


def _served(rest: Rest, kind: str) -> bool:
    return rest.send("GET", path(kind)).accepted


class CertManager:
    """cert-manager's controllers and its CA injector as one process; a context manager that ends it."""

    def __init__(self, programs: Path, kubeconfig: Path, folder: Path) -> None:
        self.log = folder / "cert-manager.log"
        command = tied_to_caller(str(programs / "cert-manager"), "--kubeconfig", str(kubeconfig))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def renew(rest: Rest, name: str, namespace: str = NAMESPACE) -> None:
    """Have a Certificate issued again now, as `cmctl renew` does."""

    def marked() -> bool:
        certificate = rest.get("Certificate", namespace, name) or {}
        due = {
            "type": "Issuing",
            "status": "True",
            "reason": "ManuallyTriggered",
            "message": "a test asked for it",
            "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        others = [each for each in certificate["status"]["conditions"] if each["type"] != "Issuing"]
        certificate["status"]["conditions"] = [*others, due]
        return rest.replace(certificate, "status").accepted

    until(marked)


def adopted(rest: Rest) -> bool:
    """Tell whether cert-manager has found every Certificate's Secret, and nothing to be done about it."""
    certificates = [o for o in _added() if o["kind"] == "Certificate"]
    found = [rest.get("Certificate", NAMESPACE, o["metadata"]["name"]) or {} for o in certificates]
    return all(_ready((each.get("status") or {}).get("conditions") or []) for each in found)


def _ready(conditions: list[Object]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def take_away(rest: Rest) -> None:
    """Delete what is installed in this mode only; the Secrets stay."""
    for item in _added():
        metadata = item["metadata"]
        rest.delete(item["kind"], metadata.get("namespace"), metadata["name"]).expect()


def _added() -> list[Object]:
    usual = {(item["kind"], item["metadata"]["name"]) for item in objects()}
    whole = objects(CertificateMode.CERT_MANAGER)
    return [item for item in whole if (item["kind"], item["metadata"]["name"]) not in usual]
