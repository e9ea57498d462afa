"""One cluster for the whole run, a namespace for each test, and one shared database of three instances."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial

import pytest

from schemas.api.types import KIND
from tests import failures, sites
from tests.clusters import OPERATOR, Cluster
from tests.databases import Database
from tests.machine import machine, until_room
from tests.order import MARKER, longest_first

USUAL_MINUTES = 0.5
PROCESSES = 2
"""As many share the tests on every machine; more of them only while it has room."""
MOST_WAITED = 900
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-cluster", action="store_true", help="leave the cluster up for the next run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "own_cluster(why): no part of conformance, for it needs what only deploy/local has"
    )
    config.addinivalue_line(
        "markers", "enforced_policies(why): for conformance alone, on a network that enforces NetworkPolicies"
    )
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and leave out what this kind of cluster cannot show."""
    longest_first(items, USUAL_MINUTES)
    elsewhere = "enforced_policies" if sites.own() else "own_cluster"
    left_out = [item for item in items if item.get_closest_marker(elsewhere)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin with a test when the machine has room for it, if two others run beside it anyway."""
    if sites.worker() < PROCESSES:
        return
    waited = until_room(MOST_WAITED)
    if waited > 1:
        _say(f"waited {waited:.0f} s with {item.name}: {machine()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what a person would look at next."""
    report = yield
    given = getattr(item, "funcargs", {})
    cluster = given.get("cluster")
    if report.when == "call" and report.failed and isinstance(cluster, Cluster):
        databases = [each for each in given.values() if isinstance(each, Database)]
        namespaces = {OPERATOR: None} | {each.namespace: None for each in databases}
        logs = failures.kept(cluster, item.nodeid, list(namespaces))
        report.sections += [("operator", failures.operator(cluster)), ("machine", f"{machine()}; {logs}")]
    return report


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give the cluster with keddah on it; it goes with the run, however the run ends."""
    # A run that is ended from outside takes its cluster along, as one ended by Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep = request.config.getoption("keep_cluster")
    with sites.prepared(_say, tmp_path_factory.mktemp("site"), keep=bool(keep)) as prepared:
        yield prepared


def _say(line: str) -> None:
    """Tell it past pytest, which keeps what a fixture prints to itself."""
    print(f"{sites.local_name()}: {line}", file=sys.__stderr__, flush=True)


@pytest.fixture(scope="module")
def made(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Give a maker of namespaces that go with the last test of a file."""
    yield from _namespaces(cluster)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Give a namespace, in which Pod Security `restricted` is enforced; it goes without anybody waiting."""
    for make in _namespaces(cluster):
        yield make()


def _namespaces(cluster: Cluster) -> Iterator[Callable[[], str]]:
    names: list[str] = []

    def make() -> str:
        name = f"keddah-test-{os.getpid()}-{next(_numbers)}"
        metadata = {"name": name, "labels": RESTRICTED}
        cluster.rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).expect()
        names.append(name)
        return name

    yield make
    for name in names:
        _discard(cluster, name)


def _discard(cluster: Cluster, namespace: str) -> None:
    for database in cluster.rest.list(KIND, namespace):
        # Whoever is asked before it goes may be the one that a test took down.
        if database["metadata"].get("finalizers"):
            change = {"metadata": {"finalizers": None}}
            cluster.rest.merge(KIND, namespace, database["metadata"]["name"], change)
    cluster.rest.delete("Namespace", None, namespace)


@pytest.fixture
def database(cluster: Cluster, namespace: str) -> Database:
    """Give a database of the test's own that nobody has applied yet."""
    return Database(cluster, namespace)


@pytest.fixture(scope="session")
def make_trio(cluster: Cluster) -> Iterator[Callable[[], Database]]:
    """Give a maker of databases of three instances, each on a node of its own, with a hundred rows."""
    for made in _namespaces(cluster):
        yield partial(_trio, cluster, made)


def _trio(cluster: Cluster, made: Callable[[], str]) -> Database:
    database = Database(cluster, made(), "trio")
    database.apply(replicas=3).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    return database


@pytest.fixture(scope="session")
def shared_trio(make_trio: Callable[[], Database]) -> Database:
    """Give the database that most tests share; they leave its instances where they are."""
    return make_trio()


@pytest.fixture
def trio(shared_trio: Database) -> Iterator[Database]:
    """Give the shared database of three instances, settled; whatever a test did to it, its rows are there."""
    yield shared_trio.settled()
    shared_trio.settled()
    assert shared_trio.sql("SELECT count(*) FROM kept") == "100"
