"""Which server is taken for frozen, and which is not: with real sockets, and with real processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest

from deploy.images.patroni.liveness import LivenessProbe, frozen, watch
from deploy.images.patroni.probe import probing
from deploy.images.patroni.procfs import ProcessState, process_state

BRIEF = LivenessProbe(period=7, timeout=0.01, tolerance=30)
AMPLE = replace(BRIEF, timeout=10)
ASLEEP = ProcessState(7, "S", 100)

Seen = Callable[[], ProcessState | None]


class EnoughError(Exception):
    """The test has seen what it wanted."""


class Server:
    """A socket, and what the kernel is to say of the process behind it."""

    def __init__(self, address: Path, seen: Seen) -> None:
        self.address = str(address)
        self.postmaster_state = seen
        self.killed: list[ProcessState] = []

    def kill(self, state: ProcessState) -> None:
        """Note it."""
        self.killed.append(state)


@pytest.fixture
def address(tmp_path: Path) -> Path:
    return tmp_path / ".s.PGSQL.5432"


@pytest.fixture
def listening(address: Path) -> Iterator[socket.socket]:
    """Have a socket whose connections wait in the kernel for somebody to take them."""
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(address))
        line.listen(16)
        line.settimeout(10)
        yield line


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as started:
        yield started
        started.kill()


@contextmanager
def stopped() -> Iterator[int]:
    with process("sleep", "60") as started:
        started.send_signal(signal.SIGSTOP)
        while (seen := process_state(started.pid)) is None or seen.state != "T":
            time.sleep(0.001)
        yield started.pid


def judged(address: Path, seen: Seen = lambda: ASLEEP, probe: LivenessProbe = BRIEF) -> ProcessState | None:
    return frozen(Server(address, seen), time.monotonic, probe)


@contextmanager
def answering(listening: socket.socket, answer: bytes | None, after: int = 1) -> Iterator[None]:
    """Answer the first connection when so many have come; None: hang up instead."""

    def serve() -> None:
        with ExitStack() as stack:
            lines = [stack.enter_context(listening.accept()[0]) for _ in range(after)]
            assert lines[0].recv(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
            if answer is None:
                lines[0].close()
            else:
                lines[0].sendall(answer)
                # Who hangs up without having read makes this an error, and the server logs it.
                assert lines[0].recv(1) == b""

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join()


@pytest.mark.usefixtures("listening")
def test_a_stopped_server_that_takes_no_connection_is_silent(address: Path) -> None:
    with stopped() as pid:
        seen = judged(address, lambda: process_state(pid))
    assert seen
    assert (seen.pid, seen.state) == (pid, "T")


@pytest.mark.usefixtures("listening")
def test_a_server_that_sleeps_through_every_connection_is_silent(address: Path) -> None:
    assert judged(address) == ASLEEP


def test_a_full_queue_of_connections_is_silence(address: Path, listening: socket.socket) -> None:
    listening.listen(0)
    assert judged(address) == ASLEEP


# TLS refused (every server on its own socket), offered, and an error: too many clients, starting up.
@pytest.mark.parametrize("answer", [b"N", b"S", b"ESFATAL\0", None])
def test_any_answer_is_life(address: Path, listening: socket.socket, answer: bytes | None) -> None:
    with answering(listening, answer):
        assert judged(address, probe=AMPLE) is None


def test_a_late_answer_to_the_first_connection_is_life(address: Path, listening: socket.socket) -> None:
    with answering(listening, b"N", after=2):
        assert judged(address, probe=replace(BRIEF, timeout=0.3)) is None


def test_a_refusal_is_life(address: Path, listening: socket.socket) -> None:
    listening.close()
    assert judged(address, probe=AMPLE) is None
    address.unlink()
    assert judged(address, probe=AMPLE) is None


@pytest.mark.usefixtures("listening")
def test_a_server_that_is_at_work_is_slow_and_not_frozen(address: Path) -> None:
    with process("yes") as busy:
        assert judged(address, lambda: process_state(busy.pid)) is None


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("change", [{"switches": 101}, {"pid": 8}, {"state": "T"}, None])
@pytest.mark.parametrize("at", [1, 4])
def test_a_server_that_did_anything_meanwhile_is_not_frozen(
    address: Path, at: int, change: dict[str, int | str] | None
) -> None:
    other = None if change is None else replace(ASLEEP, **change)  # type: ignore[arg-type] # both kinds of field
    seen = iter([*repeat(ASLEEP, at), other])
    assert judged(address, lambda: next(seen)) is None
    assert next(seen, "all asked") == "all asked"


@pytest.mark.usefixtures("listening")
def test_a_server_that_owes_no_answer_is_not_even_asked(address: Path, listening: socket.socket) -> None:
    assert judged(address, lambda: None) is None
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.accept()


@pytest.mark.usefixtures("listening")
def test_who_was_held_up_itself_has_seen_no_silence(address: Path) -> None:
    moments = iter([0.0, 3.0, 10.0, 14.1])
    probe = replace(BRIEF, tolerance=4.0)
    assert frozen(Server(address, lambda: ASLEEP), lambda: next(moments), probe) is None
    assert next(moments, "all asked") == "all asked"


@pytest.mark.usefixtures("listening")
def test_a_silent_server_is_killed_each_time(address: Path) -> None:
    seen = iter([None, *repeat(ASLEEP, 1 + BRIEF.failure_threshold), None])
    server = Server(address, lambda: next(seen))
    paused = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            raise EnoughError

    with pytest.raises(EnoughError):
        watch(server, time.monotonic, pause, BRIEF)
    assert (server.killed, paused) == ([ASLEEP], [7, 7, 7])


def test_the_longest_silence_and_a_failover_after_it_are_within_what_is_promised() -> None:
    usual = LivenessProbe()
    silence = usual.timeout * usual.failure_threshold
    assert 10 <= silence <= 12
    assert usual.period + usual.timeout + silence + 3 <= 25


@pytest.mark.usefixtures("listening")
def test_connections_are_closed_afterwards(address: Path, listening: socket.socket) -> None:
    with probing(str(address)) as line:
        assert not line.answered(0)
    taken, _ = listening.accept()
    with taken:
        assert len(taken.recv(9)) == 8
        assert taken.recv(1) == b""


def test_a_process_that_is_gone_is_not_seen() -> None:
    with process("true") as done:
        done.wait()
    assert process_state(done.pid) is None


def test_what_is_stopped_does_nothing_whatever_it_is_sent() -> None:
    with stopped() as pid:
        before = process_state(pid)
        subprocess.run(["kill", "-USR1", str(pid)], check=True)
        assert process_state(pid) == before
