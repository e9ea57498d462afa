"""The chart by the real helm, on real nodes: installed, upgraded and rolled back under load, and removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.generate.objects import NAMESPACE, POLICY, POLICY_KEY
from deploy.local.build import HELM, binaries
from deploy.manifests import CHART
from tests.clusters import Cluster
from tests.databases import Database
from tests.disturbances import SERVED_SECONDS, failed_calls
from tests.helm import Helm
from tests.reinstallation import as_before, taken_away
from tests.serving import Calls

pytestmark = [
    pytest.mark.own_cluster("takes keddah away, and has the chart's images on its nodes"),
    pytest.mark.minutes(2),
]
WAIT = ("--wait", "--timeout", "180s")
OTHER = ("extraLabels.team=data", "logLevel=debug", "replicas.webhooks=3")


@pytest.fixture
def helm(cluster: Cluster, tmp_path: Path) -> Helm:
    """Give helm, for this cluster."""
    return Helm(binaries(print, bundle=HELM) / "helm", Path(cluster.environment["KUBECONFIG"]), tmp_path)


@pytest.fixture
def running(cluster: Cluster, database: Database) -> Iterator[Database]:
    """Give a database that goes on while keddah is away."""
    database.apply(replicas=2).expect()
    database.settled()
    yield database
    as_before(cluster)


def test_a_release_comes_changes_and_goes_and_neither_calls_nor_databases_notice(
    cluster: Cluster, running: Database, helm: Helm, tmp_path: Path
) -> None:
    uids, values = running.uids(), tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"policy": policy(cluster)}))
    taken_away(cluster)
    release = ("keddah", str(CHART), "--values", str(values), *WAIT)
    begun = time.monotonic()
    helm.good("install", *release, "--create-namespace", "--take-ownership")
    print(f"helm install --wait: {time.monotonic() - begun:.1f} s")
    cluster.until_operated()
    running.settled()
    other = [word for value in OTHER for word in ("--set", value)]
    assert under_load(cluster, lambda: helm.good("upgrade", *release, *other)) == []
    assert labels(cluster)["team"] == "data"
    assert under_load(cluster, lambda: helm.good("rollback", "keddah", "1", *WAIT)) == []
    assert "team" not in labels(cluster)
    helm.good("uninstall", "keddah", *WAIT)
    assert cluster.rest.get("Deployment", NAMESPACE, "keddah-webhooks") is None
    assert running.uids() == uids
    assert running.sql("SELECT 1") == "1"


def policy(cluster: Cluster) -> dict[str, Any]:
    """Give the policy in force, with the images that the databases run."""
    live = cluster.rest.get("ConfigMap", NAMESPACE, POLICY)
    assert live is not None
    found: dict[str, Any] = yaml.safe_load(live["data"][POLICY_KEY])
    return found


def under_load(cluster: Cluster, change: Callable[[], object]) -> list[str]:
    """Make a change while somebody creates databases, and give the answers that were wrong."""
    before = failed_calls(cluster)
    with Calls(cluster.rest, every=0.1) as calls:
        change()
        time.sleep(SERVED_SECONDS)
        cluster.until_operated()
    assert calls.made > 20
    assert failed_calls(cluster) == before
    return calls.failed


def labels(cluster: Cluster) -> dict[str, str]:
    """Give the labels of the admission server's Deployment."""
    live = cluster.rest.get("Deployment", NAMESPACE, "keddah-webhooks")
    assert live is not None
    found: dict[str, str] = live["metadata"]["labels"]
    return found
