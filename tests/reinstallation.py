"""keddah on the tests' cluster, installed in another way for a while, with the images that it has."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controller.kube.kinds import CertificateMode
from deploy.generate.objects import CONTROLLER, NAMESPACE, OPERATOR_IMAGE, POLICY, image
from deploy.installation import OVERLAY
from deploy.local.build import CERT_MANAGER, binaries
from deploy.manifests import objects
from deploy.target import CHECKOUT
from tests.cert_manager import CertManager, adopted, install_definitions
from tests.clusters import POLL, Cluster
from tests.rest import Object
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FOLLOWED_SECONDS = 120


@contextmanager
def with_cert_manager(
    cluster: Cluster, folder: Path, namespaces: tuple[str, ...] = ()
) -> Iterator[CertManager]:
    """Have cert-manager, and keddah installed with it, for all namespaces or for some; then as before."""
    programs = binaries(print, bundle=CERT_MANAGER)
    install_definitions(cluster.rest, programs)
    usual, other = objects(), objects(CertificateMode.CERT_MANAGER, namespaces)
    with CertManager(programs, Path(cluster.environment["KUBECONFIG"]), folder) as manager:
        try:
            _change(cluster, usual, other)
            until(lambda: adopted(cluster.rest), 60, manager.log.read_text, POLL)
            yield manager
        finally:
            _change(cluster, other, usual)
    for file in sorted((programs / "crds").glob("*.yaml")):
        cluster.good("delete", "--ignore-not-found", "-f", str(file))


def taken_away(cluster: Cluster) -> None:
    """Remove keddah as people do; databases stay."""
    command = ["make", "--no-print-directory", "undeploy"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=cluster.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def as_before(cluster: Cluster) -> None:
    """Install keddah again as the run did, and wait until it serves."""
    cluster.good("apply", "--server-side", "--force-conflicts", "-k", str(OVERLAY))
    _served(cluster)


def _served(cluster: Cluster) -> None:
    for component in ("controller", "webhooks"):
        cluster.until_rolled_out(component)
    cluster.until_operated()
    until(partial(cluster.admits, "default"), _FOLLOWED_SECONDS, poll=POLL)


def _change(cluster: Cluster, before: Iterable[Object], after: Iterable[Object]) -> None:
    """Apply an installation over another one, take away what it has not, and wait until its pods serve."""
    rest, running = cluster.rest, _image(cluster)
    kept = set()
    for item in after:
        kept.add(_identity(item))
        if item["kind"] == "Deployment":
            item["spec"]["template"]["spec"]["containers"][0]["image"] = running
        if item["kind"] != "CustomResourceDefinition" and item["metadata"]["name"] != POLICY:
            rest.apply(item, manager="kubectl").expect()
    for kind, namespace, name in {_identity(item) for item in before} - kept:
        rest.delete(kind, namespace, name).expect()
    _served(cluster)


def _image(cluster: Cluster) -> str:
    live = cluster.rest.get("Deployment", NAMESPACE, CONTROLLER)
    assert live is not None
    found = str(live["spec"]["template"]["spec"]["containers"][0]["image"])
    assert found.startswith(image(OPERATOR_IMAGE).partition(":")[0]), found
    return found


def _identity(item: Object) -> tuple[str, str | None, str]:
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]
