"""Backups in a bucket, by two servers of S3 over TLS with an authority of their own, on good and bad days."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from controller.protocol.settings import Reason
from deploy.local.pki import Authority
from tests.backup_site import Site
from tests.s3_proxy import Proxy, error
from tests.s3_servers import SECRET, SERVERS, serving
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3_servers import S3


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, s3_servers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3]:
    with serving(request.param, s3_servers, tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: S3) -> Iterator[Proxy]:
    made = Proxy(server)
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(
    database_root: Path, server: S3, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Give a running database that archives through the proxy; a table of its has several parts."""
    folder = tmp_path_factory.mktemp("bucket")
    made = Site(database_root, folder, server.repository(port=proxy.port), secrets=server.secrets())
    with made.running():
        made.database.sql("CREATE TABLE large AS SELECT g, md5(g::text) FROM generate_series(1, 300000) g")
        made.results.append(made.back_up())
        yield made


def test_a_bucket_holds_a_backup_that_is_proven(site: Site) -> None:
    (first,) = site.results
    assert first.reason == "", first.message
    site.database.archived()
    proven = site.verify()
    assert proven.reason == "", proven.message
    result, copy = site.restored("copy")
    assert result.reason == "", result.message
    with copy.running():
        assert copy.sql("SELECT count(*) FROM large") == "300000"


def test_the_only_archive_of_a_bucket_need_not_be_named(site: Site) -> None:
    result, copy = site.recovered("found", archive="unknown", only_archive=True)
    assert result.reason == "", result.message
    with copy.running():
        assert copy.sql("SELECT count(*) FROM large") == "300000"


def test_an_upload_that_is_cut_is_begun_again(site: Site, proxy: Proxy) -> None:
    site.database.sql("UPDATE large SET g = g + 1")
    proxy.weather.cut_after = 2 << 20
    result = site.back_up()
    assert result.reason == "", result.message
    assert proxy.weather.cuts >= 1


def test_a_server_that_is_too_busy_for_some_seconds_fails_no_backup(site: Site, proxy: Proxy) -> None:
    proxy.weather.answer, proxy.weather.content = "503 Slow Down", error("SlowDown")

    def clear() -> None:
        proxy.weather.answer = ""

    timer = threading.Timer(3, clear)
    timer.start()
    result = site.back_up()
    timer.join()
    assert result.reason == "", result.message


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        ("403 Forbidden", "RequestTimeTooSkewed", Reason.CLOCK_SKEW),
        ("403 Forbidden", "QuotaExceeded", Reason.REPOSITORY_FULL),
    ],
)
def test_a_bad_day_is_named_and_ends(
    site: Site, proxy: Proxy, answer: str, code: str, reason: Reason
) -> None:
    proxy.weather.answer, proxy.weather.content = answer, error(code)
    try:
        site.database.sql("SELECT pg_logical_emit_message(true, 'test', '')", "SELECT pg_switch_wal()")
        assert site.back_up().reason == reason
        until(lambda: site.member.told("archiving")["reason"] == reason)
    finally:
        proxy.weather.answer = ""
    site.database.archived()
    assert site.member.told("archiving")["reason"] == ""
    assert site.back_up().reason == ""


def test_what_is_configured_wrongly_is_named(site: Site, server: S3, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other-ca").pair.certificate.read_text()
    right = server.repository()
    for mounts, repository, reason in (
        ({"backup/s3/secretAccessKey": "wrong"}, right, Reason.CREDENTIALS_REFUSED),
        ({"backup/s3/accessKeyId": "nobody"}, right, Reason.CREDENTIALS_REFUSED),
        ({"backup/s3/ca.crt": other}, right, Reason.CERTIFICATE_NOT_TRUSTED),
        ({}, server.repository(bucket="nowhere"), Reason.BUCKET_MISSING),
        ({}, server.repository(endpoint="https://nowhere.example"), Reason.REPOSITORY_UNREACHABLE),
    ):
        machine = site.pod("wrong", repository=repository)
        for name, content in mounts.items():
            machine.mount(name, content)
        result = machine.backup("restore")
        assert result.reason == reason, result
        assert SECRET not in result.text()
