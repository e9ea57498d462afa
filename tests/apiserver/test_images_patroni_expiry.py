"""When a standby comes to the race for a silent primary's lock, and whom it does not wait for then."""

from __future__ import annotations

import importlib
import socket
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from deploy.images.patroni.call import CALL_SECONDS, calling
from tests.patroni_modules import HA, import_ha
from tests.silence import silent

REQUEST = "deploy.images.patroni.request"
NOW = 1000.0
TTL = 20


class Event:
    """Patroni's, with a clock that only waiting moves on."""

    def __init__(self) -> None:
        self.now = NOW
        self.waits: list[float] = []
        self.woken = False

    def wait(self, seconds: float) -> bool:
        """Let time go by, or be woken."""
        self.waits.append(round(seconds, 3))
        self.now += seconds
        return self.woken

    def clear(self) -> None:
        """Wait for the next one."""


class Round:
    """Patroni's Ha, as far as it is used."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - as Patroni
        self.patroni, self.dcs, self.cluster = patroni, patroni.dcs, patroni.cluster
        self._async_executor = SimpleNamespace(busy=False)
        self._rewind = SimpleNamespace(read_postmaster_opts=dict)
        self.leads = False

    def has_lock(self, info: bool) -> bool:  # noqa: FBT001 - as Patroni
        """Tell who holds the lock."""
        assert not info
        return self.leads

    def watch(self, timeout: float) -> bool:
        """Wait as Patroni does."""
        return bool(self.dcs.event.wait(timeout + 0.5))


@pytest.fixture
def event() -> Event:
    return Event()


@pytest.fixture
def patroni(event: Event) -> Any:  # noqa: ANN401 - Patroni is played here
    dcs = SimpleNamespace(event=event, ttl=TTL, _leader_observed_time=NOW - 15.5)
    leader = SimpleNamespace(member=SimpleNamespace(api_url=None))
    cluster = SimpleNamespace(leader=leader, is_unlocked=lambda: False)
    return SimpleNamespace(dcs=dcs, cluster=cluster, request=SimpleNamespace(absent="https://before"))


@pytest.fixture
def ha(patroni: Any, event: Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ANN401
    module = import_ha(monkeypatch, Round)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: event.now))
    patroni.postgresql = None
    yield module.KeddahHa(patroni)
    sys.modules.pop(HA, None)


@pytest.fixture
def line() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        yield listening


def url(line: socket.socket) -> str:
    return "https://{}:{}/patroni".format(*line.getsockname())


# The usual course: the primary renewed 15.5 s ago, or its renewal was seen a moment after the round began.
@pytest.mark.parametrize("left", [4.5, 4.52, 1.0, CALL_SECONDS, 0.5, 0.001])
def test_a_standby_comes_when_the_lock_of_a_silent_primary_has_ended(
    ha: Any,  # noqa: ANN401
    event: Event,
    left: float,
) -> None:
    ha.dcs._leader_observed_time = NOW - TTL + left
    assert not ha.watch(4.5)
    assert event.now == pytest.approx(NOW + left + 0.02)


@pytest.mark.parametrize("left", [5.1, 19.0, 0.0, -3.0])
def test_a_round_that_comes_before_the_end_of_the_lock_or_after_it_is_patronis(
    ha: Any,  # noqa: ANN401
    event: Event,
    left: float,
) -> None:
    ha.dcs._leader_observed_time = NOW - TTL + left
    assert not ha.watch(4.5)
    assert event.waits == [5.0]


def test_whoever_waits_for_no_lock_waits_as_patroni_does(ha: Any, event: Event) -> None:  # noqa: ANN401
    ha.leads = True
    ha.watch(4.5)
    ha.leads, ha._async_executor.busy = False, True
    ha.watch(4.5)
    ha._async_executor.busy, ha.cluster.is_unlocked = False, lambda: True
    ha.watch(4.5)
    assert event.waits == [5.0, 5.0, 5.0]


def test_a_primary_that_renews_its_lock_after_all_wakes_the_standby(ha: Any, event: Event) -> None:  # noqa: ANN401
    event.woken = True
    assert ha.watch(4.5)
    assert event.waits == [3.7]


def test_a_primary_whose_node_takes_no_connection_is_not_waited_for(ha: Any, line: socket.socket) -> None:  # noqa: ANN401
    ha.cluster.leader.member.api_url = url(line)
    with silent(line):
        ha.watch(4.5)
    assert ha.patroni.request.absent == url(line)


def test_a_primary_whose_node_takes_a_connection_is_asked_with_all_patience(
    ha: Any,  # noqa: ANN401
    line: socket.socket,
) -> None:
    line.listen()
    ha.cluster.leader.member.api_url = url(line)
    ha.watch(4.5)
    assert ha.patroni.request.absent is None


def test_nobody_is_absent_whose_last_call_was_too_short(ha: Any, line: socket.socket) -> None:  # noqa: ANN401
    ha.cluster.leader.member.api_url = url(line)
    ha.dcs._leader_observed_time = NOW - TTL + CALL_SECONDS / 2
    with silent(line):
        ha.watch(4.5)
    assert ha.patroni.request.absent is None


def test_a_refusal_is_an_answer(line: socket.socket) -> None:
    with calling(url(line)) as call:
        assert call.answered()


class Asking:
    """Patroni's requests, as far as they are used."""

    def request(self, method: str, url: str, body: Any, **settings: Any) -> Any:  # noqa: ANN401 - as Patroni
        """Give back how it would be asked."""
        assert (method, url.startswith("https://"), body) in {("GET", True, None), ("POST", True, None)}
        return settings


@pytest.fixture
def request_(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module = ModuleType("patroni.request")
    vars(module).update(PatroniRequest=Asking)
    monkeypatch.setitem(sys.modules, "patroni", ModuleType("patroni"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, REQUEST, raising=False)
    yield importlib.import_module(REQUEST).Request()
    sys.modules.pop(REQUEST, None)


@pytest.mark.parametrize(
    ("absent", "seconds"),
    [(None, 0.8), ("https://10.0.0.1:8008/patroni", 0.05), ("https://10.0.0.2:8008/patroni", 0.8)],
)
def test_only_who_is_absent_is_hardly_waited_for(request_: Any, absent: str | None, seconds: float) -> None:  # noqa: ANN401
    request_.absent = absent
    asked = request_.request("GET", "https://10.0.0.1:8008/patroni", timeout=2, retries=0)
    assert (asked["timeout"].connect_timeout, asked["timeout"].read_timeout) == (seconds, 2)


def test_what_is_told_to_a_member_is_waited_for_as_ever(request_: Any) -> None:  # noqa: ANN401
    request_.absent = "https://10.0.0.1:8008/patroni"
    asked = request_.request("POST", "https://10.0.0.1:8008/failsafe", timeout=2)
    assert asked == {"timeout": 2}
