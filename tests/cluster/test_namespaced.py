"""The main stories, with keddah installed for some namespaces: Roles in them, and no right in the cluster.

They are those of other files, told again in namespaces that were there before the installation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.generate.objects import CONTROLLERS_USER
from tests.cluster.conftest import RESTRICTED
from tests.cluster.test_acts import (  # noqa: F401 - told again here
    test_five_mistakes_are_refused_and_all_of_them_named,
    test_three_lines_become_three_instances_on_three_nodes,
)
from tests.cluster.test_deletion import (  # noqa: F401
    test_deletion_policy_delete_takes_volumes_and_credentials_along,
)
from tests.cluster.test_rebuild import (  # noqa: F401
    test_a_standby_whose_volume_was_emptied_copies_the_primary,
)
from tests.cluster.test_story import (  # noqa: F401
    test_a_killed_primary_is_told_of_in_order_and_soon,
    test_a_rolling_restart_says_why_the_primary_moved,
    test_a_switchover_is_told_as_what_it_is,
)
from tests.clusters import Cluster
from tests.databases import Database
from tests.reinstallation import with_cert_manager

pytestmark = [
    pytest.mark.own_cluster("installs keddah anew, and runs cert-manager beside the cluster"),
    pytest.mark.minutes(0.7),
]
NAMESPACES = ("keddah-team-a", "keddah-team-b", "keddah-team-c")


@pytest.fixture(scope="module")
def installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give the cluster, with keddah installed for some namespaces only."""
    for name in NAMESPACES:
        metadata = {"name": name, "labels": RESTRICTED}
        cluster.rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).expect()
    folder: Path = tmp_path_factory.mktemp("cert-manager")
    with with_cert_manager(cluster, folder, NAMESPACES):
        yield cluster
        # While somebody looks after them.
        for name in NAMESPACES:
            cluster.good("-n", name, "delete", "pgdb", "--all", "--timeout=120s", seconds=130)
    for name in NAMESPACES:
        cluster.rest.delete("Namespace", None, name)


@pytest.fixture
def namespace(request: pytest.FixtureRequest, installed: Cluster) -> str:
    """Give one of the namespaces; databases of different stories have different names, or go with theirs."""
    del installed
    return NAMESPACES[0] if "acts" in request.function.__module__ else NAMESPACES[1]


@pytest.fixture(scope="module")
def shared_trio(installed: Cluster) -> Database:
    """Give a database of three instances in the third of the namespaces."""
    database = Database(installed, NAMESPACES[2], "trio")
    database.apply(replicas=3).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    return database


def test_the_controller_has_no_right_in_the_cluster(installed: Cluster) -> None:
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        assert installed.rest.list(kind, labelSelector="app.kubernetes.io/part-of=keddah") == []
    account = f"--as={CONTROLLERS_USER}"
    for right in (("list", "nodes"), ("get", "pods"), ("get", "secrets"), ("list", "pgdb")):
        assert installed("auth", "can-i", *right, account, "-n", "default").out.strip() == "no"
