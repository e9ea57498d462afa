"""The admission server from its start to its end: settings, files that change, signals."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests import factory, reviews
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from pathlib import Path

JSON = {"Content-Type": "application/json"}
REVIEW = json.dumps(reviews.creation(factory.complete_database())).encode()


def allowed(connection: http.client.HTTPSConnection, content: bytes = REVIEW) -> bool:
    connection.request("POST", "/validate", content, JSON)
    verdict = json.loads(connection.getresponse().read())["response"]["allowed"]
    return bool(verdict)


def certificate(server: WebhookProcess) -> bytes | None:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    with server.trust().wrap_socket(plain, server_hostname="localhost") as connection:
        return connection.getpeercert(binary_form=True)


def test_every_mistake_of_the_environment_is_named() -> None:
    wrong = {"KEDDAH_LISTEN": "here", "KEDDAH_LOG_LEVEL": "loud", "KEDDAH_DRAIN_SECONDS": "-1"}
    ended = subprocess.run(
        [sys.executable, "-m", "webhooks"],
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert all(name in ended.stderr for name in wrong)
    assert "Traceback" not in ended.stderr


def test_a_missing_policy_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Could not read the policy"):
        WebhookProcess(tmp_path, KEDDAH_POLICY_FILE=str(tmp_path / "absent"))


def test_a_taken_port_ends_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match="Could not listen"):
            WebhookProcess(tmp_path, KEDDAH_LISTEN=f"127.0.0.1:{port}")


def test_a_renewed_pair_serves_new_connections_and_leaves_open_ones(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path) as server:
        connection = server.connect()
        assert allowed(connection)
        before, first = certificate(server), connection.sock
        server.write_pair(server.issue())
        until(lambda: certificate(server) != before)
        assert allowed(connection)
        assert connection.sock is first
        connection.close()


def test_a_broken_pair_is_refused_once_and_the_old_one_serves(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path) as server:
        before = certificate(server)
        (tmp_path / "tls" / "tls.key").write_text(server.issue().key)
        until(lambda: "Could not load the serving pair" in server.log.read_text())
        time.sleep(1.5)
        assert server.log.read_text().count("Could not load the serving pair") == 1
        assert certificate(server) == before
        assert server.probe("/readyz") == (200, "ok\n")
        server.write_pair(server.issue())
        until(lambda: certificate(server) != before)


def test_a_pair_that_comes_late_makes_the_process_ready(tmp_path: Path) -> None:
    late = tmp_path / "late"
    late.mkdir()
    with WebhookProcess(tmp_path / "server", KEDDAH_TLS_DIR=str(late)) as server:
        assert server.probe("/readyz") == (503, "no serving pair yet\n")
        assert server.probe("/healthz") == (200, "ok\n")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            certificate(server)
        shutil.copytree(tmp_path / "server" / "tls", late, dirs_exist_ok=True)
        until(lambda: server.probe("/readyz") == (200, "ok\n"))
        assert certificate(server)


def test_old_tls_is_refused(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path) as server:
        context = server.trust()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        with plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="localhost")


def test_a_changed_policy_is_in_force_and_a_broken_one_is_not(tmp_path: Path) -> None:
    three = json.dumps(reviews.creation(factory.complete_database(replicas=3))).encode()
    with WebhookProcess(tmp_path) as server:
        connection = server.connect()
        assert allowed(connection, three)
        server.policy.write_text(factory.POLICY.replace("maximum: 9", "maximum: 2"))
        until(lambda: not allowed(connection, three))
        server.policy.write_text("catalogue: []\n")
        until(lambda: "the old one stays in force" in server.log.read_text())
        assert not allowed(connection, three)
        assert allowed(connection)
        connection.close()


class Caller(threading.Thread):
    """Calls by keep-alive until told to stop; goes to the next server when one accepts no connection."""

    def __init__(self, *servers: WebhookProcess) -> None:
        super().__init__()
        self.servers = list(servers)
        self.answered = self.refused = 0
        self.lost: list[str] = []
        self.stopping = False

    def run(self) -> None:
        """Call on."""
        while not self.stopping:
            connection = self.servers[0].connect()
            try:
                connection.connect()
            except OSError:
                self.refused += 1
                self.servers.append(self.servers.pop(0))
                continue
            try:
                self._call_until_closed(connection)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
            connection.close()

    def _call_until_closed(self, connection: http.client.HTTPSConnection) -> None:
        while not self.stopping:
            connection.request("POST", "/validate", REVIEW, JSON)
            answer = connection.getresponse()
            json.loads(answer.read())
            self.answered += 1
            if answer.getheader("Connection") == "close":
                return


# Python forgets to close a socket whose peer resets it between the connection and the handshake.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("attempt", range(3))
def test_a_drain_loses_no_call(tmp_path: Path, attempt: int) -> None:
    with WebhookProcess(tmp_path / "old") as old, WebhookProcess(tmp_path / "new") as new:
        callers = [Caller(old, new) for _ in range(4)]
        for caller in callers:
            caller.start()
        until(lambda: all(caller.answered > 20 * (attempt + 1) for caller in callers))
        old.process.send_signal(signal.SIGTERM)
        until(lambda: old.probe("/readyz") == (503, "draining\n"))
        assert old.process.wait(10) == 0
        before = [caller.answered for caller in callers]
        until(lambda: all(caller.answered > count for caller, count in zip(callers, before, strict=True)))
        for caller in callers:
            caller.stopping = True
        for caller in callers:
            caller.join()
        assert [caller.lost for caller in callers] == [[], [], [], []]
        assert all(caller.refused <= 2 for caller in callers)


def test_a_request_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path, KEDDAH_DRAIN_SECONDS="1") as server:
        connection = server.connect()
        connection.putrequest("POST", "/validate")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(REVIEW)))
        connection.endheaders(REVIEW[:100])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1.2)
        connection.send(REVIEW[100:])
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("Connection") == "close"
        answer.read()
        connection.close()
        assert server.process.wait(10) == 0


def test_an_idle_connection_does_not_hold_the_end(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path) as server:
        connection = server.connect()
        assert allowed(connection)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
        connection.close()


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path, KEDDAH_DRAIN_SECONDS="60") as server:
        connection = server.connect()
        assert allowed(connection)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.probe("/readyz")[0] == 503)
        assert allowed(connection)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 1
        connection.close()


def test_a_second_signal_ends_what_the_first_still_waits_for(tmp_path: Path) -> None:
    with WebhookProcess(tmp_path, KEDDAH_DEADLINE_SECONDS="60", KEDDAH_DRAIN_SECONDS="1") as server:
        connection = server.connect()
        connection.putrequest("POST", "/validate")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(REVIEW)))
        connection.endheaders(REVIEW[:100])
        server.process.send_signal(signal.SIGTERM)
        time.sleep(2)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 1
        connection.close()
