from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from controller.certificates import certificate, pki
from controller.certificates.rotation import OVERLAP
from controller.certificates.webhooks import Certificates, StoredPair, names, wanted

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOSTS = names("keddah-system", "cluster.local")
ENTROPY = random.Random(1).randbytes  # noqa: S311 - tests want the same keys each time
DAY = timedelta(days=1)


def due(authority: StoredPair, serving: StoredPair, now: datetime = NOW) -> Certificates:
    return wanted(authority, serving, HOSTS, now=now, entropy=ENTROPY)


def trusted(state: Certificates) -> bool:
    """Whether the API server, knowing the bundle, believes who serves."""
    return certificate.serves(certificate.Pair(state.serving.crt, state.serving.key), state.bundle, HOSTS)


def test_from_nothing_comes_a_trusted_pair_for_the_service() -> None:
    state = due(StoredPair(), StoredPair())
    assert trusted(state)
    assert HOSTS[0] == "keddah-webhooks.keddah-system.svc"
    assert "keddah-webhooks.keddah-system.svc.cluster.local" in HOSTS


def test_nothing_changes_while_nothing_is_due() -> None:
    state = due(StoredPair(), StoredPair())
    assert due(state.authority, state.serving) == state
    assert due(state.authority, state.serving, NOW + 200 * DAY) == state


def test_the_pair_is_renewed_before_it_ends_and_the_authority_stays() -> None:
    state = due(StoredPair(), StoredPair())
    later = due(state.authority, state.serving, NOW + 250 * DAY)
    assert later.authority == state.authority
    assert later.serving.crt != state.serving.crt
    assert trusted(later)


def test_a_pair_for_other_names_is_replaced() -> None:
    state = due(StoredPair(), StoredPair())
    elsewhere = names("elsewhere", "cluster.local")
    moved = wanted(state.authority, state.serving, elsewhere, now=NOW, entropy=ENTROPY)
    assert moved.serving.crt != state.serving.crt


@pytest.mark.parametrize("lost", [StoredPair(), StoredPair("broken", "broken", "broken")])
def test_a_lost_pair_comes_back_from_the_same_authority(lost: StoredPair) -> None:
    state = due(StoredPair(), StoredPair())
    again = due(state.authority, lost)
    assert again.authority == state.authority
    assert trusted(again)


def test_a_lost_authority_is_replaced_and_what_still_serves_stays_trusted() -> None:
    state = due(StoredPair(), StoredPair())
    again = due(StoredPair(), state.serving)
    assert again.authority.crt != state.authority.crt
    assert trusted(again)
    assert certificate.serves(certificate.Pair(state.serving.crt, state.serving.key), again.bundle, HOSTS)


def test_what_is_in_every_ca_bundle_stays_trusted_where_both_secrets_are_lost() -> None:
    state = due(StoredPair(), StoredPair())
    in_force = frozenset(certificate.split(state.bundle))
    again = wanted(StoredPair(), StoredPair(), HOSTS, now=NOW, entropy=ENTROPY, in_force=in_force)
    assert again.authority.crt != state.authority.crt
    assert trusted(again)
    assert certificate.serves(certificate.Pair(state.serving.crt, state.serving.key), again.bundle, HOSTS)


def test_an_authority_without_its_key_is_replaced() -> None:
    state = due(StoredPair(), StoredPair())
    other = due(StoredPair(), StoredPair())
    mixed = StoredPair(state.authority.crt, other.authority.key, state.authority.trusted)
    again = due(mixed, state.serving)
    assert again.authority.crt != state.authority.crt
    assert trusted(again)


def test_a_rotation_trusts_before_it_signs_and_after_at_every_step() -> None:
    begun = due(StoredPair(), StoredPair())
    time = NOW + pki.AUTHORITY_LIFETIME * 0.7
    prepared = due(begun.authority, due(begun.authority, begun.serving, time).serving, time)
    assert prepared.authority.crt == begun.authority.crt
    assert prepared.authority.next_crt in certificate.split(prepared.bundle)

    soon = due(prepared.authority, prepared.serving, time + OVERLAP / 2)
    assert soon == prepared

    turned = due(prepared.authority, prepared.serving, time + OVERLAP)
    assert turned.authority.crt == prepared.authority.next_crt
    assert not turned.authority.next_crt
    assert trusted(turned)
    before = certificate.Pair(prepared.serving.crt, prepared.serving.key)
    assert certificate.serves(before, turned.bundle, HOSTS), (
        "pods that have not read the new pair yet are believed"
    )
    assert certificate.serves(
        certificate.Pair(turned.serving.crt, turned.serving.key), prepared.bundle, HOSTS
    ), "API servers that have not read the new bundle yet believe the new pair"


def test_an_authority_that_ended_is_trusted_no_more() -> None:
    begun = due(StoredPair(), StoredPair())
    time = NOW + pki.AUTHORITY_LIFETIME + DAY
    again = due(begun.authority, begun.serving, time)
    assert begun.authority.crt not in certificate.split(again.bundle)
    assert trusted(again)


def test_no_key_shows_in_a_representation() -> None:
    assert "PRIVATE" not in repr(due(StoredPair(), StoredPair()))


def company(key: Any, *, ca: bool = True, issuer: Any = None) -> StoredPair:  # noqa: ANN401 - any kind of key
    """Give an authority as companies make them; `issuer` is the key of the one that signed it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company CA")])
    signer = issuer or key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 3650 * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(signer, digest)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return StoredPair(made.public_bytes(Encoding.PEM).decode(), pem)


@pytest.mark.parametrize(
    "authority",
    [
        company(rsa.generate_private_key(65537, 2048)),
        company(ed25519.Ed25519PrivateKey.generate()),
        company(ec.generate_private_key(ec.SECP384R1())),
        company(ec.generate_private_key(ec.SECP256R1()), issuer=ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["RSA", "Ed25519", "P-384", "intermediate"],
)
def test_an_authority_of_the_company_signs_whatever_its_key_is(authority: StoredPair) -> None:
    state = due(authority, StoredPair())
    assert (state.authority.crt, state.authority.key) == (authority.crt, authority.key)
    assert trusted(state)
    assert due(state.authority, state.serving) == state


@pytest.mark.parametrize(
    "authority",
    [
        company(ed25519.Ed25519PrivateKey.generate(), ca=False),
        StoredPair(company(ed25519.Ed25519PrivateKey.generate()).crt, "no key"),
        StoredPair(
            company(ec.generate_private_key(ec.SECP256R1())).crt,
            company(ec.generate_private_key(ec.SECP256R1())).key,
        ),
        company(dsa.generate_private_key(1024)),  # noqa: S505 - it is to be refused
        StoredPair("", "", "garbage"),
    ],
    ids=["no CA", "no key", "another's key", "DSA", "nothing"],
)
def test_what_cannot_sign_is_replaced(authority: StoredPair) -> None:
    state = due(authority, StoredPair())
    assert state.authority.crt != authority.crt
    assert trusted(state)
