"""A real API server for the whole run, with keddah's CRD; its webhooks and namespaces on request."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.build import S3_SERVERS, binaries
from deploy.local.controlplane import DELETION, ControlPlane
from tests import admission, factory
from tests.backup_machine import image_root
from tests.controller_process import ControllerProcess
from tests.installation import account_kubeconfig, install, install_crd, tidy
from tests.kubectl import Kubectl
from tests.order import MARKER, longest_first
from tests.rest import Rest
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTROLLERS = (
    *DELETION,
    "cronjob-controller",
    "job-controller",
    "persistentvolumeclaim-protection-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
)
"""Of Kubernetes' own: who deletes, and who makes pods and claims of a StatefulSet, and Jobs. No pod runs."""

USUAL_MINUTES = 0.01

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items, USUAL_MINUTES)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Give the API server; it ends with the run, however the run ends."""
    folder = tmp_path_factory.mktemp("plane")
    with ControlPlane(folder, audit=True, controllers=CONTROLLERS) as running:
        yield running


@pytest.fixture(scope="session")
def rest(plane: ControlPlane) -> Iterator[Rest]:
    """Give the administrator, with the CRD installed."""
    user = Rest(plane.kubeconfig)
    install_crd(user)
    yield user
    user.close()


@pytest.fixture(scope="session")
def kubectl(plane: ControlPlane, rest: Rest) -> Kubectl:
    """Give kubectl, as administrator."""
    del rest  # the CRD must be there
    user = Kubectl(binaries(print) / "kubectl", plane.kubeconfig)
    # Schemas are published some time after the objects are served.
    until(lambda: user("explain", "pgdb.spec").code == 0)
    return user


@pytest.fixture(scope="session")
def webhook_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookProcess]:
    """Give an admission server that nobody calls yet."""
    with WebhookProcess(tmp_path_factory.mktemp("admission") / "server") as process:
        yield process


@pytest.fixture(scope="module")
def webhooks(rest: Rest, webhook_process: WebhookProcess) -> Iterator[WebhookProcess]:
    """Give the admission server, called by the API server as the install manifests say."""
    admission.register(rest, webhook_process)
    yield webhook_process
    admission.unregister(rest)


@pytest.fixture(scope="session")
def controller_kubeconfig(plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the controller's own user: with exactly its generated role."""
    install(rest)
    target = tmp_path_factory.mktemp("controller") / "kubeconfig"
    return account_kubeconfig(rest, plane.kubeconfig, "keddah-controller", target)


@pytest.fixture(scope="module")
def controller(
    controller_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory, rest: Rest
) -> Iterator[ControllerProcess]:
    """Give a controller that acts, for one module."""
    free_lease(rest)
    until(lambda: tidy(rest), 60)
    with ControllerProcess(tmp_path_factory.mktemp("controller"), controller_kubeconfig) as process:
        yield process.acting()


def free_lease(rest: Rest) -> None:
    """Spare the next controller the wait for the lease of one that was killed."""
    rest.delete("Lease", "keddah-system", "keddah-controller")


@pytest.fixture(scope="module")
def storage_class(request: pytest.FixtureRequest, rest: Rest) -> Iterator[None]:
    """Have the StorageClass that the module names as its CLASS."""
    name = request.module.CLASS
    rest.create(factory.storage_class(name)).expect()
    yield
    rest.delete("StorageClass", None, name)


@pytest.fixture
def new_namespace(rest: Rest) -> Iterator[Callable[..., str]]:
    """Give a maker of namespaces, which are deleted with all that is in them."""
    made: list[str] = []

    def make(**labels: str) -> str:
        name = f"shop-{next(_numbers)}"
        rest.create(namespace_of(name, labels)).expect()
        made.append(name)
        return name

    yield make
    for name in made:
        discard_namespace(rest, name)


@pytest.fixture
def namespace(new_namespace: Callable[..., str]) -> str:
    """Give a namespace in which the webhooks, if there are any, are called."""
    return new_namespace()


@pytest.fixture
def unguarded(new_namespace: Callable[..., str]) -> str:
    """Give a namespace for which no webhook is called, as if they had not been installed yet."""
    return new_namespace(**{admission.UNGUARDED: "true"})


@pytest.fixture
def restricted(new_namespace: Callable[..., str]) -> str:
    """Give a namespace in which only pods after Pod Security `restricted` may be made."""
    return new_namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})


@pytest.fixture(scope="module")
def shared_unguarded(rest: Rest) -> Iterator[str]:
    """Give one such namespace for a whole module."""
    yield from _whole_module(rest, {admission.UNGUARDED: "true"})


@pytest.fixture(scope="module")
def shared_namespace(rest: Rest) -> Iterator[str]:
    """Give one namespace for all tests of a module that leave nothing behind, or use names of their own."""
    yield from _whole_module(rest, {})


def _whole_module(rest: Rest, labels: dict[str, str]) -> Iterator[str]:
    name = f"shop-{next(_numbers)}"
    rest.create(namespace_of(name, labels)).expect()
    yield name
    discard_namespace(rest, name)


def namespace_of(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def discard_namespace(rest: Rest, name: str) -> None:
    """Delete a namespace without waiting; no finalizer of ours may hold it."""
    unguard = {"metadata": {"labels": {admission.UNGUARDED: "true"}}}
    rest.merge("Namespace", None, name, unguard).expect()
    for database in rest.list("PostgreSQLDatabase", name):
        if database["metadata"].get("finalizers") or database["spec"].get("deletionProtection"):
            release = {"metadata": {"finalizers": None}, "spec": {"deletionProtection": False}}
            rest.merge("PostgreSQLDatabase", name, database["metadata"]["name"], release)
    rest.delete("Namespace", None, name)


@pytest.fixture(scope="session")
def database_root() -> Path:
    """Give the files of the database image, whose programs tests run without a cluster."""
    if os.geteuid() != 0:
        pytest.skip("needs root: programs are run in the database image's files, as its user")
    return image_root()


@pytest.fixture(scope="session")
def s3_servers() -> Path:
    """Give the folder of two S3 servers."""
    return binaries(print, bundle=S3_SERVERS)
