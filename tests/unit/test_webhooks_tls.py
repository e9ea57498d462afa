"""The serving pair, seen by handshakes in memory."""

from __future__ import annotations

import hashlib
import os
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from controller.certificates import certificate, pki
from webhooks.tls import ServingPair

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
AUTHORITY = pki.issue_authority("webhooks", now=NOW, entropy=os.urandom)


def issued() -> certificate.Pair:
    return pki.issue_server(AUTHORITY, ("localhost",), now=NOW, entropy=os.urandom)


def put(folder: Path, pair: certificate.Pair) -> None:
    (folder / "tls.crt").write_text(pair.crt)
    (folder / "tls.key").write_text(pair.key)


def mount(folder: Path, name: str, pair: certificate.Pair) -> None:
    """Write a Secret as kubelet does: a new folder, then the link ..data swapped to it."""
    (folder / name).mkdir()
    put(folder / name, pair)
    (folder / "link").symlink_to(name)
    (folder / "link").rename(folder / "..data")
    for file in ("tls.crt", "tls.key"):
        if not (folder / file).is_symlink():
            (folder / file).symlink_to(f"..data/{file}")


def served(pair: ServingPair, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """Shake hands without a socket; returns the certificate that the server showed."""
    trust = ssl.create_default_context(cadata=AUTHORITY.crt)
    trust.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = pair.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def leaf(pair: certificate.Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.crt)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_newest_pair_is_shown(tmp_path: Path, version: ssl.TLSVersion) -> None:
    first, second = issued(), issued()
    mount(tmp_path, "1", first)
    pair = ServingPair(tmp_path)
    assert pair.refresh()
    assert served(pair, version) == leaf(first)
    assert not pair.refresh()
    mount(tmp_path, "2", second)
    assert pair.refresh()
    assert served(pair, version) == leaf(second)


def test_no_pair_is_no_handshake(tmp_path: Path) -> None:
    pair = ServingPair(tmp_path)
    assert not pair.refresh()
    assert not pair.loaded
    with pytest.raises(ssl.SSLError):
        served(pair)


@pytest.mark.parametrize("broken", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_broken_pair_changes_nothing_and_is_counted_once(tmp_path: Path, broken: str) -> None:
    good = issued()
    told: list[str] = []
    put(tmp_path, good)
    pair = ServingPair(tmp_path, counted=told.append)
    pair.refresh()
    (tmp_path / "tls.key").write_text(broken)
    assert not pair.refresh()
    assert not pair.refresh()
    assert served(pair) == leaf(good)
    assert told == ["loaded", "refused"]
    (tmp_path / "tls.key").write_text(good.key)
    assert pair.refresh()


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    good = issued()
    put(tmp_path, good)
    pair = ServingPair(tmp_path)
    pair.refresh()
    (tmp_path / "tls.key").write_text(issued().key)
    assert not pair.refresh()
    assert served(pair) == leaf(good)


def test_a_pair_that_the_api_server_would_not_trust_is_not_served(tmp_path: Path) -> None:
    other = pki.issue_authority("other", now=NOW, entropy=os.urandom)
    expired = pki.issue_server(
        AUTHORITY, ("localhost",), now=NOW - timedelta(days=2), entropy=os.urandom, lifetime=timedelta(days=1)
    )
    (tmp_path / "ca.crt").write_text(other.crt)
    put(tmp_path, good := issued())
    told: list[str] = []
    pair = ServingPair(tmp_path, counted=told.append)
    assert not pair.refresh()
    assert not pair.loaded
    (tmp_path / "ca.crt").write_text(other.crt + AUTHORITY.crt)
    assert pair.refresh()
    put(tmp_path, expired)
    assert not pair.refresh()
    put(tmp_path, pki.issue_server(other, ("localhost",), now=NOW, entropy=os.urandom))
    (tmp_path / "ca.crt").write_text(AUTHORITY.crt)
    assert not pair.refresh()
    assert served(pair) == leaf(good)
    assert told == ["refused", "loaded", "refused", "refused"]


@pytest.mark.parametrize("authorities", ["", "garbage"])
def test_authorities_that_cannot_be_read_keep_no_pair_from_serving(tmp_path: Path, authorities: str) -> None:
    (tmp_path / "ca.crt").write_text(authorities)
    put(tmp_path, good := issued())
    pair = ServingPair(tmp_path)
    assert pair.refresh()
    assert served(pair) == leaf(good)


def test_the_fingerprint_of_the_leaf_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = issued()
    put(tmp_path, certificate.Pair(good.crt + AUTHORITY.crt, good.key))
    with caplog.at_level("INFO"):
        ServingPair(tmp_path).refresh()
    assert caplog.messages == [f"Loaded the serving pair sha256={hashlib.sha256(leaf(good)).hexdigest()}"]


def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    assert ServingPair(tmp_path).context.minimum_version == ssl.TLSVersion.TLSv1_2
