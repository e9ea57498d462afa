from __future__ import annotations

import random
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from controller.certificates import certificate, pki

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def entropy(seed: int = 1) -> pki.Entropy:
    return random.Random(seed).randbytes  # noqa: S311 - tests want the same keys each time


def authority() -> pki.Authority:
    return pki.issue_authority("orders", now=NOW, entropy=entropy())


def test_the_same_time_and_bytes_give_the_same_certificate() -> None:
    assert authority() == authority()
    assert authority() != pki.issue_authority("orders", now=NOW, entropy=entropy(2))


def test_a_server_certificate_covers_its_names_and_no_others() -> None:
    ca = authority()
    pair = pki.issue_server(
        ca, ["orders.shop.svc", "*.orders-pods.shop.svc", "10.0.0.7"], now=NOW, entropy=entropy()
    )
    assert certificate.serves(pair, ca.crt, ["orders.shop.svc", "10.0.0.7"])
    assert not certificate.serves(pair, ca.crt, ["orders.shop.svc", "orders-ro.shop.svc"])


def test_a_pair_of_another_authority_or_of_two_halves_does_not_serve() -> None:
    ca, other = authority(), pki.issue_authority("orders", now=NOW, entropy=entropy(2))
    pair = pki.issue_server(ca, ["orders"], now=NOW, entropy=entropy(3))
    second = pki.issue_server(ca, ["orders"], now=NOW, entropy=entropy(4))
    assert not certificate.serves(pair, other.crt, ["orders"])
    assert certificate.serves(pair, other.crt + ca.crt, ["orders"])
    assert not certificate.serves(certificate.Pair(pair.crt, second.key), ca.crt, ["orders"])
    assert not certificate.serves(certificate.Pair("", ""), ca.crt, [])


def test_renewal_is_due_after_two_thirds_of_the_life() -> None:
    pair = pki.issue_server(authority(), ["orders"], now=NOW, entropy=entropy())
    assert not certificate.renewal_due(pair.crt, NOW)
    assert not certificate.renewal_due(pair.crt, NOW + pki.LEAF_LIFETIME * 0.59)
    assert certificate.renewal_due(pair.crt, NOW + pki.LEAF_LIFETIME * 0.67)
    assert certificate.renewal_due(pair.crt, NOW - timedelta(days=1))
    assert certificate.renewal_due("no certificate", NOW)
    assert certificate.expiry(pair.crt) == NOW + pki.LEAF_LIFETIME


def test_what_was_made_together_is_not_renewed_together() -> None:
    pairs = [pki.issue_server(authority(), ["orders"], now=NOW, entropy=entropy(each)) for each in range(40)]
    renewed = [
        sum(certificate.renewal_due(pair.crt, NOW + pki.LEAF_LIFETIME * part) for pair in pairs)
        for part in (0.6, 0.62, 0.64, 0.67)
    ]
    assert renewed == sorted(renewed)
    assert renewed[0] < 4
    assert 5 < renewed[1] < renewed[2] < 35
    assert renewed[3] == len(pairs)


@pytest.mark.parametrize("seconds", [1, 30, 3600, 7200])
def test_a_certificate_of_any_length_of_life_is_renewed_in_time(seconds: int) -> None:
    life = timedelta(seconds=seconds)
    pair = pki.issue_server(authority(), ["orders"], now=NOW, entropy=entropy(), lifetime=life)
    assert certificate.issued(pair.crt) == NOW
    assert not certificate.renewal_due(pair.crt, NOW + life / 2)
    assert certificate.renewal_due(pair.crt, NOW + life * 0.67)


def test_a_leaf_does_not_outlive_its_authority() -> None:
    ca = pki.issue_authority("orders", now=NOW, entropy=entropy(), lifetime=timedelta(days=10))
    for made in (
        pki.issue_server(ca, ["orders"], now=NOW, entropy=entropy(2)),
        pki.issue_client(ca, "keddah", now=NOW, entropy=entropy(3)),
        pki.issue_member(ca, "orders", "orders-0", now=NOW, entropy=entropy(4)),
    ):
        assert certificate.expiry(made.crt) == certificate.expiry(ca.crt) == NOW + timedelta(days=10)


def test_a_bundle_is_split_and_each_certificate_counts_once() -> None:
    one = authority().crt
    two = pki.issue_authority("two", now=NOW, entropy=entropy(2)).crt
    assert certificate.split(one + two + one) == (one, two)
    assert certificate.split(one.rstrip() + "\r\n" + two.strip()) == (one, two)
    assert certificate.split("") == ()
    assert certificate.split(f"?{one}no certificate {two}-----BEGIN CERTIFICATE-----") == (one, two)


def test_a_long_name_still_makes_a_certificate() -> None:
    name = "a" * 80 + ".svc"
    pair = pki.issue_server(authority(), [name], now=NOW, entropy=entropy())
    assert certificate.serves(pair, authority().crt, [name])


def test_every_leaf_names_its_issuer_by_key() -> None:
    ca = authority()
    issuer = x509.load_pem_x509_certificate(ca.crt.encode())
    leaf = x509.load_pem_x509_certificate(
        pki.issue_client(ca, "keddah", now=NOW, entropy=entropy(5)).crt.encode()
    )
    subject = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert named.key_identifier == subject.digest


def test_openssl_verifies_both_sides_strictly(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ca = pki.issue_authority("orders", now=now, entropy=entropy())
    server = _context(
        ssl.PROTOCOL_TLS_SERVER, ca, pki.issue_server(ca, ["orders"], now=now, entropy=entropy(2)), tmp_path
    )
    client = _context(
        ssl.PROTOCOL_TLS_CLIENT, ca, pki.issue_client(ca, "keddah", now=now, entropy=entropy(3)), tmp_path
    )
    server.verify_mode = ssl.CERT_REQUIRED
    _handshake(server, client, "orders")


def _context(protocol: int, ca: pki.Authority, pair: certificate.Pair, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=ca.crt)
    file = folder / "pair.pem"
    file.write_text(pair.crt + pair.key)
    context.load_cert_chain(file)
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Let the two talk through buffers in memory until both are done."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    ]
    pending = list(sides)
    for _ in range(10):
        for side in list(pending):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            pending.remove(side)
        if not pending:
            return
    raise AssertionError("no handshake")
