"""HTTP as the hooks speak it: a real process, real sockets, TLS."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory, reviews
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    import http.client
    import ssl
    from collections.abc import Iterator

JSON = {"Content-Type": "application/json"}
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookProcess]:
    with WebhookProcess(tmp_path_factory.mktemp("webhooks"), KEDDAH_DEADLINE_SECONDS="1") as process:
        yield process


@pytest.fixture
def connection(server: WebhookProcess) -> Iterator[http.client.HTTPSConnection]:
    made = server.connect()
    yield made
    made.close()


def ask(
    connection: http.client.HTTPSConnection,
    path: str,
    body: Any = b"",  # noqa: ANN401
    *,
    method: str = "POST",
    headers: dict[str, str] = JSON,
) -> tuple[int, dict[str, Any], http.client.HTTPResponse]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), answer


def raw(server: WebhookProcess) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    return server.trust().wrap_socket(plain, server_hostname="localhost")


def everything(connection: ssl.SSLSocket) -> bytes:
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def test_a_three_line_object_is_completed(connection: http.client.HTTPSConnection) -> None:
    status, answer, _ = ask(connection, "/mutate?timeout=10s", reviews.creation(factory.database()))
    response = answer["response"]
    assert (status, response["allowed"], response["uid"]) == (200, True, reviews.UID)
    assert response["patchType"] == "JSONPatch"
    assert {"op": "add", "path": "/spec/version", "value": "17"} in json.loads(
        base64.b64decode(response["patch"])
    )


def test_all_mistakes_are_refused_with_a_200_of_http(connection: http.client.HTTPSConnection) -> None:
    wrong = factory.database(replicas=1000, version="16.99", backupSchedule="61 * * * *")
    status, answer, _ = ask(connection, "/mutate", reviews.creation(wrong))
    refusal = answer["response"]["status"]
    assert status == 200
    assert (refusal["code"], refusal["reason"]) == (422, "Invalid")
    assert {cause["field"] for cause in refusal["details"]["causes"]} == {
        "spec.replicas",
        "spec.version",
        "spec.backupSchedule",
    }


def test_one_connection_carries_many_reviews(connection: http.client.HTTPSConnection) -> None:
    complete = reviews.creation(factory.complete_database())
    assert ask(connection, "/mutate", complete)[0] == 200
    first = connection.sock
    for path in ("/validate", "/mutate", "/validate"):
        status, answer, _ = ask(connection, path, complete)
        assert (status, answer["response"]["allowed"]) == (200, True)
    assert connection.sock is first


def test_a_refused_review_leaves_the_connection_open(connection: http.client.HTTPSConnection) -> None:
    assert ask(connection, "/mutate", b"{")[0] == 400
    first = connection.sock
    assert ask(connection, "/mutate", reviews.creation(factory.database()))[0] == 200
    assert connection.sock is first


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a review"),
        (b"{", "not a review"),
        (b"[]", "not a review"),
        (b'"\xff"', "not a review"),
        (b"[" * 100_000, "not a review"),
        (b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}', "has no request"),
        (b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}', "v1beta1"),
        (b'{"kind":"Pod","apiVersion":"v1"}', "'Pod'"),
        (b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":7}}', "uid"),
    ],
)
def test_what_is_no_review_is_a_bad_request(
    connection: http.client.HTTPSConnection, body: bytes, said: str
) -> None:
    status, answer, _ = ask(connection, "/validate", body)
    assert (status, answer["kind"], answer["code"], answer["reason"]) == (400, "Status", 400, "BadRequest")
    assert said in answer["message"]
    assert "Traceback" not in answer["message"]


def test_an_unknown_version_of_the_object_is_denied(connection: http.client.HTTPSConnection) -> None:
    kind = {"group": "keddah.dev", "version": "v2", "kind": "PostgreSQLDatabase"}
    for path in ("/mutate", "/validate"):
        _, answer, _ = ask(connection, path, reviews.creation(factory.database(), kind=kind))
        assert not answer["response"]["allowed"]
        assert "v2" in answer["response"]["status"]["message"]


def test_an_unknown_path_is_not_found(connection: http.client.HTTPSConnection) -> None:
    assert ask(connection, "/mutate/", b"{}")[0] == 404


def test_another_method_is_told_the_right_one(connection: http.client.HTTPSConnection) -> None:
    status, _, answer = ask(connection, "/mutate", method="GET")
    assert (status, answer.getheader("Allow")) == (405, "POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
def test_another_media_type_is_refused(
    connection: http.client.HTTPSConnection, headers: dict[str, str]
) -> None:
    assert ask(connection, "/mutate", b"{}", headers=headers)[0] == 415


def test_a_media_type_may_have_parameters(connection: http.client.HTTPSConnection) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert ask(connection, "/mutate", reviews.creation(factory.database()), headers=headers)[0] == 200


def test_a_body_of_four_mebibytes_is_too_large(connection: http.client.HTTPSConnection) -> None:
    status, answer, headers = ask(connection, "/mutate", b" " * 4 * MEBIBYTE)
    assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")
    assert headers.getheader("Connection") == "close"


def test_a_body_of_two_mebibytes_is_read(connection: http.client.HTTPSConnection) -> None:
    large = factory.database()
    large["metadata"]["annotations"] = {"note": "x" * 2 * MEBIBYTE}
    assert ask(connection, "/mutate", reviews.creation(large))[0] == 200


def test_a_large_body_is_refused_before_it_is_sent(server: WebhookProcess) -> None:
    with raw(server) as connection:
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 4194304\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_an_endless_chunked_body_is_not_read_to_its_end(server: WebhookProcess) -> None:
    with raw(server) as connection:
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sent = 0
        try:
            while sent < 512 * MEBIBYTE:
                connection.sendall(chunk)
                sent += len(chunk)
        except (ConnectionError, OSError):
            pass
        assert 3 * MEBIBYTE < sent < 256 * MEBIBYTE


def test_a_body_that_does_not_come_is_timed_out(server: WebhookProcess) -> None:
    with raw(server) as connection:
        started = time.monotonic()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9\r\n\r\n{"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        assert 0.9 < time.monotonic() - started < 3


def test_headers_that_never_end_are_cut_off_in_time(server: WebhookProcess) -> None:
    with raw(server) as connection:
        connection.sendall(b"POST /mutate HTTP/1.1\r\nHost: a\r\n")
        started = time.monotonic()
        assert everything(connection) == b""
        assert 2 < time.monotonic() - started < 6


def test_a_silent_connection_is_cut_off_in_time(server: WebhookProcess) -> None:
    with raw(server) as connection:
        assert everything(connection) == b""


def test_headers_without_end_are_too_large(server: WebhookProcess) -> None:
    with raw(server) as connection:
        connection.sendall(b"POST /mutate HTTP/1.1\r\nX: " + b"a" * 70_000)
        assert everything(connection).startswith(b"HTTP/1.1 431 ")


def test_noise_is_a_bad_request(server: WebhookProcess) -> None:
    with raw(server) as connection:
        connection.sendall(b"\x16\x03\x01 noise\r\n\r\n")
        answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"Traceback" not in answer


def test_two_requests_in_one_packet_get_two_answers(server: WebhookProcess) -> None:
    content = json.dumps(reviews.creation(factory.complete_database())).encode()
    head = b"POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    with raw(server) as connection:
        request = head % len(content)
        connection.sendall(request + b"\r\n" + content + request + b"Connection: close\r\n\r\n" + content)
        assert everything(connection).count(b"HTTP/1.1 200 OK") == 2


def test_probes_and_metrics_are_plain_http(
    server: WebhookProcess, connection: http.client.HTTPSConnection
) -> None:
    ask(connection, "/validate", reviews.creation(factory.complete_database()))
    assert server.probe("/healthz") == (200, "ok\n")
    assert server.probe("/readyz") == (200, "ok\n")
    assert server.probe("/mutate")[0] == 404
    status, page = server.probe("/metrics")
    assert status == 200
    assert 'keddah_admission_reviews_total{hook="validate",operation="CREATE",verdict="allowed"}' in page
    assert 'keddah_admission_review_seconds_bucket{hook="validate",le="0.001"}' in page


def test_a_refusal_is_logged_without_the_values(
    server: WebhookProcess, connection: http.client.HTTPSConnection
) -> None:
    wrong = factory.database(parameters={"shared_bufers": "hunter2", "primary_conninfo": "password=hunter2"})
    ask(connection, "/validate", reviews.creation(wrong))
    log = server.log.read_text()
    line = next(line for line in log.splitlines() if "shared_bufers" in line)
    assert " INFO keddah.webhooks.app: Refused a review hook=validate operation=CREATE " in line
    assert "user=alice" in line
    assert "hunter2" not in log
