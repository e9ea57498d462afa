"""Makes certificates; pure: the time and the random bytes are arguments.

Keys are ECDSA P-256. Authorities carry keyUsage and leaves carry subject and authority key identifiers,
because Python 3.13 and OpenSSL verify strictly (RFC 5280, sections 4.2.1.1 to 4.2.1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.certificates.certificate import (
    BACKDATED,
    SIGNERS,
    Pair,
    Signer,
    alternative_name,
)

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives so many unpredictable bytes: `secrets.token_bytes` outside of tests."""

AUTHORITY_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
_COMMON_NAME_LIMIT = 64  # RFC 5280, ub-common-name


@dataclass(frozen=True, slots=True, repr=False)
class Authority(Pair):
    """A pair that signs others."""


def issue_authority(
    name: str, *, now: datetime, entropy: Entropy, lifetime: timedelta = AUTHORITY_LIFETIME
) -> Authority:
    """Make a self-signed authority that may sign leaves but no other authority."""
    key = _key(entropy)
    subject = _subject(name)
    public = key.public_key()
    builder = (
        _builder(subject, subject, public, now, now + lifetime, entropy)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return Authority(_sign(builder, key), _private_pem(key))


def issue_server(
    authority: Authority,
    names: Iterable[str],
    *,
    now: datetime,
    entropy: Entropy,
    lifetime: timedelta = LEAF_LIFETIME,
    client_too: bool = False,
) -> Pair:
    """Make a pair for a server known under these DNS names and IP addresses; the first is its common name.

    With `client_too` the same pair identifies its holder as a client as well: Patroni's members call one
    another with the pair they serve with.
    """
    alternatives = tuple(names)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH]
    if client_too:
        usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    return _leaf(authority, alternatives[0], alternatives, usages, now, entropy, lifetime)


def issue_member(authority: Authority, name: str, host: str, *, now: datetime, entropy: Entropy) -> Pair:
    """Make a pair that proves to be `name` to servers, and serves under the host name `host` alone."""
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return _leaf(authority, name, (host,), usages, now, entropy)


def issue_client(authority: Authority, name: str, *, now: datetime, entropy: Entropy) -> Pair:
    """Make a pair by which a client proves that it is `name`."""
    return _leaf(authority, name, (), [ExtendedKeyUsageOID.CLIENT_AUTH], now, entropy)


def _key(entropy: Entropy) -> ec.EllipticCurvePrivateKey:
    # 16 bytes more than the curve's order has, so that the remainder is evenly spread (FIPS 186-5, A.2.1).
    order = ec.SECP256R1().group_order
    number = int.from_bytes(entropy(48), "big") % (order - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _leaf(
    authority: Authority,
    name: str,
    alternatives: tuple[str, ...],
    usages: list[x509.ObjectIdentifier],
    now: datetime,
    entropy: Entropy,
    lifetime: timedelta = LEAF_LIFETIME,
) -> Pair:
    """Make a pair; it does not outlive the authority, without which nobody trusts it."""
    issuer = x509.load_pem_x509_certificate(authority.crt.encode())
    signer = serialization.load_pem_private_key(authority.key.encode(), None)
    if not isinstance(signer, SIGNERS):
        raise TypeError(f"an authority cannot sign with a key of type {type(signer).__name__}")
    key = _key(entropy)
    public = key.public_key()
    end = min(now + lifetime, issuer.not_valid_after_utc)
    builder = (
        _builder(_subject(name), issuer.subject, public, now, end, entropy)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_issuer_identifier(issuer), critical=False)
    )
    if alternatives:
        names = x509.SubjectAlternativeName([alternative_name(text) for text in alternatives])
        builder = builder.add_extension(names, critical=False)
    return Pair(_sign(builder, signer), _private_pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
    entropy: Entropy,
) -> x509.CertificateBuilder:
    # Positive and at most 20 octets (RFC 5280, 4.1.2.2).
    serial = (int.from_bytes(entropy(16), "big") >> 1) + 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(end)
    )


def _issuer_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return what identifies the issuer's key; one that was made elsewhere may have no identifier itself."""
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _sign(builder: x509.CertificateBuilder, key: Signer) -> str:
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    deterministic = True if isinstance(key, ec.EllipticCurvePrivateKey) else None
    certificate = builder.sign(key, digest, ecdsa_deterministic=deterministic)
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def common_name(name: str) -> str:
    """Return what a certificate for that name has as its common name: as much as there is room for."""
    return name[:_COMMON_NAME_LIMIT]


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name(name))])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
