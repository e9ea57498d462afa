"""Whatever befalls keddah itself, nobody who writes databases is refused wrongly, or let through wrongly."""

from __future__ import annotations

import pytest

from tests.clusters import Cluster
from tests.disturbances import DISTURBANCES, NOTICED, disturb, failed_calls
from tests.serving import Calls

# The controller notices within a minute what befell its Secrets: the API server tier has these, faster.
LATE = {"leaf-lost", "authority-lost", "authority-rotated"}


OURS = {"upgraded": pytest.mark.own_cluster("applies what is installed here, as deploy/install has it")}
NAMES = [pytest.param(name, marks=OURS.get(name, ())) for name in DISTURBANCES if name not in NOTICED | LATE]


@pytest.mark.parametrize("name", NAMES)
def test_no_call_of_the_admission_server_fails(cluster: Cluster, name: str) -> None:
    cluster.until_operated()
    before = failed_calls(cluster)
    # Other clusters share the machine: the benchmark calls five times as often.
    with Calls(cluster.rest, every=0.1) as calls:
        disturb(cluster, name)
    assert calls.failed == []
    assert failed_calls(cluster) == before
    assert calls.made > 20
