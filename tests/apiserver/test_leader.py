"""Two replicas of the controller and one Lease, on a real API server."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from controller.kube.leader import DURATION, RENEW_EVERY
from tests.apiserver.conftest import free_lease
from tests.audit import Audit
from tests.controller_process import ControllerProcess
from tests.waiting import until, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.local.controlplane import ControlPlane
    from tests.rest import Rest

LEASE = ("Lease", "keddah-system", "keddah-controller")


@pytest.fixture
def replica(
    controller_kubeconfig: Path, tmp_path: Path, rest: Rest
) -> Iterator[Callable[[str], ControllerProcess]]:
    """Give a maker of replicas, by identity."""
    from contextlib import ExitStack  # noqa: PLC0415

    free_lease(rest)
    with ExitStack() as running:

        def begin(identity: str) -> ControllerProcess:
            process = ControllerProcess(tmp_path / identity, controller_kubeconfig, identity=identity)
            running.enter_context(process).ready()
            # Who waits is ready too: the first must lead before there is another who may.
            until(lambda: holder(rest) and (process.leads() or holder(rest) != identity))
            return process

        yield begin


def holder(rest: Rest) -> str:
    lease = rest.get(*LEASE)
    return str(lease["spec"]["holderIdentity"]) if lease else ""


def end(process: ControllerProcess) -> int:
    """Ask a replica to end; return its exit code."""
    process.process.send_signal(signal.SIGTERM)
    return process.process.wait(30)


def test_one_acts_and_the_other_waits_ready_and_cheap(
    replica: Callable[[str], ControllerProcess], rest: Rest
) -> None:
    first, second = replica("one"), replica("two")
    assert holder(rest) == "one"
    assert first.leads()
    assert not second.leads()
    assert second.metric("keddah_watch_events_total") == 0
    assert second.metric("keddah_api_requests_total") == second.metric(
        "keddah_api_requests_total", 'kind="Lease"', 'verb="get"'
    )


def test_a_replica_that_is_told_to_end_hands_over(
    replica: Callable[[str], ControllerProcess], rest: Rest
) -> None:
    first, second = replica("one"), replica("two")
    assert end(first) == 0
    assert "Released the lease" in first.log.read_text()
    within(second.leads, RENEW_EVERY * 2)
    until(lambda: second.metric("keddah_caches_filled") == 1)
    assert holder(rest) == "two"
    assert end(second) == 0


def test_a_replica_that_takes_over_goes_by_the_policy_of_now(
    replica: Callable[[str], ControllerProcess],
) -> None:
    """By the one of when it began to wait, databases would go back to former images."""
    first, second = replica("one"), replica("two")
    policy = yaml.safe_load(second.policy.read_text())
    second.policy.write_text(
        yaml.safe_dump(policy | {"replicas": {"minimum": 1, "maximum": 7, "default": 1}})
    )
    assert end(first) == 0
    until(lambda: second.metric("keddah_caches_filled") == 1, why=second.log.read_text)
    told = second.log.read_text()
    assert 0 < told.find("Read the policy again") < told.find("Filled the caches")


def test_a_replica_that_dies_is_replaced_after_the_lease_ran_out(
    replica: Callable[[str], ControllerProcess],
) -> None:
    first, second = replica("one"), replica("two")
    first.process.kill()
    killed = time.monotonic()
    until(second.leads, DURATION + RENEW_EVERY * 2)
    assert time.monotonic() - killed > DURATION / 2


def test_a_leader_that_slept_too_long_ends_without_another_write(
    replica: Callable[[str], ControllerProcess], plane: ControlPlane
) -> None:
    first, second = replica("one"), replica("two")
    first.process.send_signal(signal.SIGSTOP)
    until(second.leads, DURATION + RENEW_EVERY * 2)
    since = Audit(plane.audit_log).end()
    end(second)
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(10) == 1
    assert "Lost the lease" in first.log.read_text()
    writes = {entry.what for entry in since.since() if entry.writes and entry.resource != "leases"}
    assert writes == set()


def test_a_lease_that_somebody_deletes_is_made_again(
    replica: Callable[[str], ControllerProcess], rest: Rest
) -> None:
    first = replica("one")
    free_lease(rest)
    until(lambda: holder(rest) == "one", RENEW_EVERY * 2)
    assert not first.ended()


def test_renewing_is_one_write_every_five_seconds_and_nothing_else(
    replica: Callable[[str], ControllerProcess], plane: ControlPlane
) -> None:
    begun = Audit(plane.audit_log).end()
    replica("one")
    # The log is written after the answer: the election itself must be in it before counting begins.
    until(lambda: any(entry.resource == "leases" and entry.writes for entry in begun.since()))
    since = Audit(plane.audit_log).end()
    time.sleep(RENEW_EVERY * 2.5)
    leases = [entry.verb for entry in since.since() if entry.resource == "leases"]
    assert leases in (["update"] * 2, ["update"] * 3)
