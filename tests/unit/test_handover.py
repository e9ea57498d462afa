"""Whether a lock was handed over or expired, judged by the renewals that the watches saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.client import Kube
from controller.kube.objects import Identity, Key
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.observe.state import Leadership
from controller.patroni import Patroni
from controller.report.primaries import PrimaryTerm, primary_change
from controller.watches.cache import Cache
from controller.watches.terms import LockTerm
from tests.states import observed, pod

TAKEN = datetime(2026, 7, 1, 12, tzinfo=UTC)
LOCK = Identity("shop", "orders-leader")


class Watched:
    """A leader lock, as the watch reports it."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.version = 0

    def report(self, name: str = LOCK.name, **annotations: str) -> bool:
        """Report a version of it; return whether it triggers a reconcile."""
        self.version += 1
        labels = {"keddah.dev/database": "orders"}
        metadata = {"namespace": LOCK.namespace, "name": name, "labels": labels, "uid": "u"}
        metadata |= {"resourceVersion": str(self.version), "annotations": annotations}
        return self.cache.put("ConfigMap", {"metadata": metadata})

    def before(self) -> LockTerm | None:
        """Give the last term of who held it before."""
        return self.cache.terms.before(LOCK)


def test_the_last_renewal_of_the_former_holder_is_kept_though_it_was_no_news() -> None:
    lock = Watched()
    lock.report(leader="orders-0", renewTime="1")
    assert not lock.report(leader="orders-0", renewTime="2")
    assert lock.before() is None
    lock.report(leader="orders-1", renewTime="3")
    lock.report(leader="orders-1", renewTime="4")
    assert lock.before() == LockTerm("orders-0", "2")


def test_a_lock_that_is_free_for_a_moment_has_the_same_former_holder() -> None:
    lock = Watched()
    lock.report(leader="orders-0", renewTime="1")
    lock.report(renewTime="1")
    assert lock.before() is None
    lock.report(leader="orders-0", renewTime="2")
    assert lock.before() is None
    lock.report(renewTime="2")
    lock.report(leader="orders-1", renewTime="3")
    assert lock.before() == LockTerm("orders-0", "2")


def test_only_the_last_of_several_holders_is_the_former_one() -> None:
    lock = Watched()
    for number, holder in enumerate(("orders-0", "orders-1", "orders-2")):
        lock.report(leader=holder, renewTime=str(number))
    assert lock.before() == LockTerm("orders-1", "1")


def test_old_news_and_what_is_no_lock_or_has_no_time_are_no_term() -> None:
    lock = Watched()
    lock.report(leader="orders-0", renewTime="1")
    lock.report(leader="orders-1")
    lock.report("orders-sync", leader="orders-1", renewTime="2")
    service: dict[str, Any] = {"namespace": LOCK.namespace, "name": LOCK.name, "resourceVersion": "9"}
    service["annotations"] = {"leader": "orders-1", "renewTime": "2"}
    lock.cache.put("Service", {"metadata": service})
    assert lock.before() is None
    lock.report(leader="orders-1", renewTime="2")
    late = {"namespace": LOCK.namespace, "name": LOCK.name, "resourceVersion": "1"}
    lock.cache.put("ConfigMap", {"metadata": late | {"annotations": {"leader": "x", "renewTime": "9"}}})
    assert lock.before() == LockTerm("orders-0", "1")


@pytest.mark.parametrize("kind", ["ConfigMap", "Service"])
def test_a_lock_that_was_deleted_begins_anew(kind: str) -> None:
    lock = Watched()
    lock.report(leader="orders-0", renewTime="1")
    metadata = {"namespace": LOCK.namespace, "name": LOCK.name, "resourceVersion": "5"}
    lock.cache.put("Service", {"metadata": metadata})
    lock.cache.drop(kind, {"metadata": {**metadata, "resourceVersion": "6"}})
    lock.version = 6
    lock.report(leader="orders-1", renewTime="2")
    assert lock.before() == (None if kind == "ConfigMap" else LockTerm("orders-0", "1"))


def test_who_led_before_is_part_of_what_is_seen() -> None:
    lock = Watched()
    kube = Kube.__new__(Kube)
    observer = Observer(
        kube,
        lock.cache,
        Patroni(now=lambda: TAKEN, entropy=bytes),
        Progress(lambda: 0.0),
        Creations(kube, lambda: 0.0, lambda: TAKEN),
        SecretReader(kube, "keddah-system"),
    )
    lock.report(leader="orders-0", renewTime="2026-07-01T11:59:58+00:00")
    seen = observer.cached(Key("shop", "orders")).leadership
    assert (seen.former, seen.former_renewed) == (None, None)
    lock.report(leader="orders-1", renewTime="2026-07-01T12:00:00+00:00")
    seen = observer.cached(Key("shop", "orders")).leadership
    assert (seen.former, seen.former_renewed) == ("orders-0", TAKEN - timedelta(seconds=2))


def ago(seconds: int | None) -> datetime | None:
    return None if seconds is None else TAKEN - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seen", "former", "told", "handed"),
    [
        # What passes saw counts where the watch has nothing to tell of that primary.
        (14, None, None, True),
        (16, None, None, False),
        (None, None, None, False),
        (14, "orders-2", 99, True),
        (99, "orders-2", 1, False),
        # What the watch told is never older.
        (99, "orders-0", 14, True),
        (99, "orders-0", 16, False),
        (None, "orders-0", 1, True),
    ],
)
def test_a_lock_that_cannot_have_run_out_was_handed_over_whatever_the_label(
    seen: int | None, former: str | None, told: int | None, handed: object
) -> None:
    lead: dict[str, Any] = {"former": former, "former_renewed": ago(told)}
    after = observed(
        (pod(0, "primary"), pod(1, "primary")), leadership=Leadership("orders-1", acquired=TAKEN, **lead)
    )
    _, (event,) = primary_change(
        PrimaryTerm("orders-0", renewed=ago(seen)), after, TAKEN + timedelta(seconds=1)
    )
    assert (event.type, event.reason) == (("Normal", "SwitchedOver") if handed else ("Warning", "FailedOver"))
    assert ("it handed over" if handed else "it did not renew its lock") in event.message
